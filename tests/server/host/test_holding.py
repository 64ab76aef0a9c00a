"""Laws of holding: what counts against a caller's limits is what the books hold, and no less."""

import asyncio

import pytest

from app.core.base.errors import Busy
from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import EventId, Extend, Reserve, Settle, Void
from app.core.ledger.result import Outcome, Result
from app.server.host.holding import booked


class Limited:
    """A caller who may hold so much in all."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0

    def may_hold(self, amount: Micros) -> Micros:
        allowed = min(amount, self.most - self.held)
        self.held += allowed
        return Micros(allowed)

    def not_held(self, amount: Micros) -> None:
        self.held -= amount


class Books:
    """They have so much to hold; None: the disk is full."""

    def __init__(self, free: int | None) -> None:
        self.free = free
        self.asked: list[int] = []

    async def submit(self, command: Reserve | Extend | Settle | Void) -> Outcome:
        assert isinstance(command, Extend)
        self.asked.append(command.amount)
        if self.free is None:
            raise Busy("the disk is full", retry_after_seconds=1)
        if self.free < (command.least or 0):
            return Outcome(Result.INSUFFICIENT_CREDITS, Micros(0), Micros(self.free))
        return Outcome(Result.DONE, Micros(min(self.free, command.amount)), Micros(0))


def extend(amount: int, least: int) -> Extend:
    return Extend(
        id=EventId("e"), at=Microseconds(1), hold=EventId("h"), amount=Micros(amount),
        timeout=Microseconds(1), least=Micros(least),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("most", "free", "result", "asked", "held"),
    [
        (100, 100, Result.DONE, [50], 50),
        (30, 100, Result.DONE, [30], 30),
        (100, 20, Result.DONE, [50], 20),
        (9, 100, Result.INSUFFICIENT_CREDITS, [], 0),
        (100, 9, Result.INSUFFICIENT_CREDITS, [50], 0),
    ],
)
def test_the_smaller_of_limits_and_balance_is_held_and_counts(
    most: int, free: int, result: Result, asked: list[int], held: int
) -> None:
    caller, books = Limited(most), Books(free)

    outcome = asyncio.run(booked(extend(50, 10), books, caller))

    assert (outcome.result, books.asked, caller.held) == (result, asked, held)


def test_what_could_not_be_written_counts_for_nothing() -> None:
    caller = Limited(100)

    with pytest.raises(Busy):
        asyncio.run(booked(extend(50, 10), Books(None), caller))

    assert caller.held == 0
