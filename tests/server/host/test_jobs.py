"""Laws of the shell of jobs: a bug in one ends it alone, and what was held for it is given back."""

import asyncio

import pytest

from app.core.base.errors import RequestConflict
from app.core.base.ids import DeviceId
from app.core.base.units import Micros
from app.core.ledger.commands import Extend, Reserve, Settle, Void
from app.core.ledger.result import Outcome, Result
from app.core.ledger.work import Reported
from app.core.pool.jobs.effects import Countersign, End, FindWorker, MeasureAttempt
from app.core.pool.jobs.happenings import Placed
from app.core.pool.jobs.job import AnswerEvent, Counted
from app.server.host.jobs import Jobs
from app.wire.engine import Delta, Ended, Said
from app.wire.message import Message
from app.wire.pool import Accepted, Chunk, Finished, Offer, Sealed
from tests.core.pool.jobs.play import NAME, REQUEST, START, Play, request


class Books:
    """They hold what they are asked to."""

    def __init__(self) -> None:
        self.asked: list[Reserve | Extend | Settle | Void] = []

    async def submit(self, command: Reserve | Extend | Settle | Void) -> Outcome:
        self.asked.append(command)
        amount = command.amount if isinstance(command, Reserve) else Micros(0)
        return Outcome(Result.DONE, amount or Micros(0), Micros(0))


class Line:
    """A dispatch with a bug, if `is_broken`; else all wait in it."""

    def __init__(self, *, is_broken: bool) -> None:
        self.is_broken = is_broken

    def want(self, _: FindWorker) -> None:
        if self.is_broken:
            raise ZeroDivisionError("heliotrope")

    def leave(self, _: str) -> None:
        """Nobody is in it."""


class Caller:
    """Is told the end, and breaks over it if `is_broken`."""

    def __init__(self, *, is_broken: bool = True) -> None:
        self.is_broken = is_broken
        self.ends: asyncio.Queue[End] = asyncio.Queue()

    def may_hold(self, amount: Micros) -> Micros:
        return amount

    def not_held(self, _: Micros) -> None:
        """There are no limits."""

    def deliver(self, _: tuple[AnswerEvent | Sealed, ...]) -> None:
        """Nothing is said."""

    def end(self, end: End) -> None:
        self.ends.put_nowait(end)
        if self.is_broken:
            raise ZeroDivisionError("heliotrope")


def jobs(books: Books, *, is_broken: bool) -> Jobs:
    return Jobs(
        now=lambda: START, books=books, dispatch=Line(is_broken=is_broken),  # type: ignore[arg-type]
        attempts=None, counter=None, verdicts=None, ears=None,  # type: ignore[arg-type]
        tell=lambda _, __: True,
    )  # fmt: skip


def test_a_bug_in_a_job_gives_back_what_was_held_and_ends_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    books, caller = Books(), Caller()

    async def act() -> End:
        broken = jobs(books, is_broken=True)
        async with broken.running():
            broken.submit(request(), caller)
            return await asyncio.wait_for(caller.ends.get(), 60)

    end = asyncio.run(act())

    assert (end.ending, end.cost) == ("failed", 0)
    reserved, voided = books.asked
    assert isinstance(voided, Void) and voided.hold == reserved.id
    assert "was not told" in caplog.text and "heliotrope" not in caplog.text


def test_a_job_with_the_id_of_one_under_way_is_refused_and_that_one_goes_on() -> None:
    async def act() -> int:
        running = jobs(Books(), is_broken=False)
        async with running.running():
            running.submit(request(), Caller())
            with pytest.raises(RequestConflict):
                running.submit(request(), Caller())
            return len(running)

    assert asyncio.run(act()) == 1


class Surroundings:
    """All that jobs need: one machine answers at once, and its verdict meets a bug."""

    def __init__(self) -> None:
        self.jobs = Jobs(
            now=lambda: START, books=Books(), dispatch=self, attempts=self,  # type: ignore[arg-type]
            counter=self, verdicts=self, ears=self, tell=self.tell,  # type: ignore[arg-type]
        )  # fmt: skip

    def want(self, _: FindWorker) -> None:
        (attempt,) = Play().granted().placed("a").job.attempts
        self.jobs._happen(NAME, Placed(placement=attempt.placement))

    def tell(self, device: DeviceId, frame: Message) -> bool:
        if isinstance(frame, Offer):
            said = Delta(request=REQUEST, choice=0, parts=[Said(text="1")], tokens=1, token_ids=[1])
            ended = Ended(request=REQUEST, choice=0, reason="stop")
            answer = Chunk(job=NAME, attempt=0, first=0, tokens=[1], events=[said, ended])
            self.jobs.heard(device, Accepted(job=NAME, attempt=0))
            self.jobs.heard(device, answer)
            self.jobs.heard(
                device, Finished(job=NAME, attempt=0, reason="completed", receipt=b"receipt")
            )
        return True

    def reported(self, *_: object) -> Reported:
        return Reported(prompt=10, answer=1)

    async def measure(self, _: MeasureAttempt) -> Counted:
        return Counted(prompt_tokens=10, answer_tokens=1)

    async def countersign(self, _: Countersign, __: Micros) -> None:
        raise ZeroDivisionError("heliotrope")

    async def record(self, *_: object) -> None:
        """It is written."""

    def leave(self, *_: object) -> None:
        """Nobody is in the line."""

    free = observed = ended = forget = leave


def test_a_stop_waits_for_no_verdict_that_a_bug_has_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act() -> None:
        running = Surroundings().jobs
        async with running.running():
            running.submit(request(), Caller(is_broken=False))
            async with asyncio.timeout(20):
                await running.stop(grace_seconds=3600)

    asyncio.run(act())

    assert "a job ended by a bug" in caplog.text
