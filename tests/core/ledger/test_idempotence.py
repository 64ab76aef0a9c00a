"""Giving a command again is safe, and the answer says what became of the first."""

import msgspec
import pytest

from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, MINT
from app.core.ledger.commands import AMOUNT_MAX, AnyCommand, EventId, Extend, Reserve, Transfer
from app.core.ledger.result import Result
from tests.core.ledger.ledger import ALICE, BEGIN, BOB, MINUTE, Ledger

GRANT = Transfer(
    id=EventId("grant"), at=BEGIN, payer=MINT, payee=ALICE, amount=Micros(500), source="granted"
)
HOLD = Reserve(id=EventId("hold"), at=BEGIN, account=ALICE, amount=Micros(300), timeout=MINUTE)


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.tell(GRANT)
    made.tell(HOLD)
    return made


@pytest.mark.parametrize("command", [GRANT, HOLD])
def test_the_same_command_again_changes_nothing_and_tells_its_amount(
    ledger: Ledger, command: AnyCommand
) -> None:
    later = msgspec.structs.replace(command, at=Microseconds(BEGIN + SECOND))

    outcome = ledger.tell(later)

    assert outcome.result is Result.EXISTS and outcome.result.is_in_books
    assert (outcome.amount, outcome.available) == (command.amount, 200)
    assert (ledger.has(ALICE), ledger.free(ALICE)) == (500, 200)


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(GRANT, amount=Micros(501)),
        msgspec.structs.replace(GRANT, payee=BOB),
        msgspec.structs.replace(GRANT, about="another"),
        msgspec.structs.replace(HOLD, id=GRANT.id),
        msgspec.structs.replace(HOLD, timeout=Microseconds(MINUTE + 1)),
        msgspec.structs.replace(HOLD, least=Micros(0)),
        Extend(id=HOLD.id, at=BEGIN, hold=HOLD.id, amount=Micros(300), timeout=MINUTE),
    ],
)
def test_another_command_under_the_same_id_is_refused(ledger: Ledger, other: AnyCommand) -> None:
    outcome = ledger.tell(other)

    assert outcome.result is Result.EXISTS_WITH_DIFFERENT_FIELDS and not outcome.result.is_in_books
    assert (ledger.has(ALICE), ledger.free(ALICE)) == (500, 200)


def test_a_hold_that_ended_is_still_known(ledger: Ledger) -> None:
    ledger.void("hold")

    assert ledger.tell(HOLD).result is Result.EXISTS
    assert ledger.free(ALICE) == 500


def test_a_refusal_leaves_nothing_behind_so_that_it_may_be_asked_again(ledger: Ledger) -> None:
    assert ledger.reserve("more", ALICE, 400).result is Result.INSUFFICIENT_CREDITS
    ledger.give(ALICE, 200)

    assert ledger.reserve("more", ALICE, 400).result is Result.DONE


def test_of_several_faults_the_lowest_is_answered(ledger: Ledger) -> None:
    several = Extend(
        id=EventId("a b"), at=Microseconds(-1), hold=EventId("?"), amount=Micros(-1), timeout=MINUTE
    )

    assert ledger.tell(several).result is Result.ID_INVALID


def test_a_balance_beyond_what_can_be_counted_is_refused(ledger: Ledger) -> None:
    results = [
        ledger.tell(
            Transfer(id=EventId(f"g{number}"), at=BEGIN, payer=MINT, payee=FEES, amount=AMOUNT_MAX)
        ).result
        for number in range(4_612)
    ]

    assert results[0] is Result.DONE and results[-1] is Result.BALANCE_OUT_OF_RANGE
