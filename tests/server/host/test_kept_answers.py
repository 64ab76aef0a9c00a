"""Laws of answers that are kept for who asks again with the same idempotency key."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, RequestConflict
from app.core.base.ids import AccountId, JobId, ProjectId
from app.core.base.units import Micros
from app.core.pool.jobs.effects import End
from app.core.pool.jobs.job import Ending
from app.core.pool.limits import Amounts, Exceeded
from app.server.host.access import Admission
from app.server.host.caller import PoolCaller
from app.server.host.kept_answers import KEPT_MAX, KEPT_SECONDS, KeptAnswers, Part
from app.server.host.limiter import Limiter
from app.server.host.requests import Asked, Order
from app.server.host.tape import Tape
from app.server.storage.database import Database
from app.server.storage.idempotency import Idempotency
from tests.server.storage.host import Clock, with_host

CALLER = PoolCaller(account=AccountId("acc"), project=ProjectId("prj"), who="key k")
ASKED = Asked(caller=CALLER, idempotency_key="word", fingerprint=b"print")


class Answers:
    """Kept answers of jobs that the test begins and ends."""

    def __init__(self, database: Database, clock: Clock, seconds: float) -> None:
        self.left: list[Order] = []
        idempotency = Idempotency(database, clock)
        self.kept = KeptAnswers(idempotency, self.left.append, kept_seconds=seconds)
        self.clock = clock
        self.begun = 0
        self.may_begin = asyncio.Event()
        self.may_begin.set()

    async def begin(self, job: JobId, tape: Tape) -> Order:
        self.begun += 1
        await self.may_begin.wait()
        charge = Limiter(self.clock).charge([], Amounts())
        assert not isinstance(charge, Exceeded)
        return Order(
            job=job, listener=tape, commitment_key=b"", asked=ASKED, model="echo",
            admission=Admission(charge), steady=lambda: 0.0, report=lambda *_: None, began=0.0,
            charged=0,
        )  # fmt: skip

    async def ask(self, word: str = "word") -> Part:
        return await self.kept.part(replace(ASKED, idempotency_key=word), "embed", self.begin)


def ended(part: Part, ending: Ending, *, cost: int = 0, tokens: int = 0) -> End:
    return End(
        job=part.order.job, ending=ending, prompt_tokens=0, cached_tokens=0, answer_tokens=tokens,
        delivered_tokens=tokens, cost=Micros(cost), served_by="", sha256="", attempts=0,
    )  # fmt: skip


def with_answers(
    folder: Path, act: Callable[[Answers], Awaitable[None]], *, seconds: float = KEPT_SECONDS
) -> None:
    async def run(database: Database, clock: Clock) -> None:
        await act(Answers(database, clock, seconds))

    with_host(folder, run)


def test_who_asks_again_while_the_first_still_begins_reads_the_same_tape(tmp_path: Path) -> None:
    async def act(answers: Answers) -> None:
        answers.may_begin.clear()
        asking = [asyncio.create_task(answers.ask()) for _ in range(4)]
        answers.may_begin.set()

        parts = await asyncio.gather(*asking)

        assert answers.begun == 1
        assert all(part is parts[0] for part in parts)

    with_answers(tmp_path, act)


def test_where_the_first_cannot_begin_the_next_one_does(tmp_path: Path) -> None:
    async def act(answers: Answers) -> None:
        async def refuse(_: JobId, __: Tape) -> Order:
            raise Busy("no room", retry_after_seconds=1)

        with pytest.raises(Busy):
            await answers.kept.part(ASKED, "embed", refuse)

        await answers.ask()
        assert answers.begun == 1

    with_answers(tmp_path, act)


@pytest.mark.parametrize("ending", ["unfunded", "unserved", "failed", "refused", "cancelled"])
def test_what_ended_without_work_and_cost_is_asked_anew(tmp_path: Path, ending: Ending) -> None:
    async def act(answers: Answers) -> None:
        first = await answers.ask()
        first.tape.end(ended(first, ending))

        assert (await answers.ask()).order.job != first.order.job

    with_answers(tmp_path, act)


@pytest.mark.parametrize(("ending", "cost", "tokens"), [("completed", 0, 0), ("cancelled", 3, 0),
                                                        ("interrupted", 0, 5)])  # fmt: skip
def test_work_and_cost_are_never_done_anew(
    tmp_path: Path, ending: Ending, cost: int, tokens: int
) -> None:
    async def act(answers: Answers) -> None:
        first = await answers.ask()
        first.tape.end(ended(first, ending, cost=cost, tokens=tokens))

        assert (await answers.ask()).order.job == first.order.job

    with_answers(tmp_path, act)


def test_an_answer_that_nobody_reads_to_its_end_is_given_up_in_time(tmp_path: Path) -> None:
    async def act(answers: Answers) -> None:
        first = await answers.ask()
        first.tape.end(ended(first, "completed", cost=5, tokens=5))
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.0, gone.set)
        await gone.wait()

        with pytest.raises(RequestConflict, match="not kept"):
            await answers.ask()

    with_answers(tmp_path, act, seconds=0.0)


def test_an_answer_under_way_is_kept_for_its_readers_however_many_others_there_are(
    tmp_path: Path,
) -> None:
    async def act(answers: Answers) -> None:
        first = await answers.ask()
        reading = first.tape.events()
        waiting = asyncio.create_task(anext(reading))
        for number in range(KEPT_MAX + 1):
            await answers.ask(f"word {number}")

        answers.kept.left(first)

        assert await answers.ask() is first
        assert first.tape.readers == 1 and not answers.left
        waiting.cancel()

    with_answers(tmp_path, act)


def test_of_ended_answers_the_oldest_goes_first(tmp_path: Path) -> None:
    async def act(answers: Answers) -> None:
        parts = [await answers.ask(f"word {number}") for number in range(KEPT_MAX + 1)]
        for part in reversed(parts):
            part.tape.end(ended(part, "completed", cost=5, tokens=5))

        assert await answers.ask("word 0") is parts[0]
        with pytest.raises(RequestConflict, match="not kept"):
            await answers.ask(f"word {KEPT_MAX}")

    with_answers(tmp_path, act)


@pytest.mark.parametrize("is_read", [False, True])
def test_a_part_of_a_refused_request_ends_at_once_unless_another_reads_it(
    tmp_path: Path, is_read: bool
) -> None:
    async def act(answers: Answers) -> None:
        first = await answers.ask()
        reading = first.tape.events()
        waiting = asyncio.create_task(anext(reading))
        await asyncio.sleep(0)
        if not is_read:
            waiting.cancel()
            await asyncio.wait({waiting})
        answers.kept.left(first)

        answers.kept.refused(first)

        again = await answers.ask()
        assert (again is first) is is_read
        assert answers.left == ([] if is_read else [first.order])
        first.tape.end(ended(first, "cancelled", cost=3))
        assert await answers.ask() is again
        waiting.cancel()

    with_answers(tmp_path, act)
