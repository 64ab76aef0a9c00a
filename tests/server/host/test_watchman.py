"""Laws of the watchman: strikes reach standing and the disk, and outlive a restart."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from app.core.base.ids import AccountId, DeviceId, Domain, JobId, RequestId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.pricing import Prices, Shares
from app.core.pool.jobs.effects import ObserveCount
from app.core.pool.jobs.job import Attempt, Candidate, Job, JobRequest, Placement
from app.core.pool.standing import Standing
from app.server.host.watchman import Watchman
from app.server.storage.accounts import Accounts
from app.server.storage.database import Database
from app.server.storage.devices import Devices
from app.wire.engine import Generate, PromptText
from tests.server.storage.host import BEGIN, Clock, files_hold, with_host

DEVICE, OWNER = DeviceId("d" * 64), "owner"


class Machines:
    """Each says that it has a large GPU."""

    def gpu_memory(self, _: DeviceId) -> int:
        return 24 * 2**30

    def context(self, _: DeviceId, __: str) -> int:
        return 0


def with_watchman(
    folder: Path, act: Callable[[Watchman, Standing, Devices], Awaitable[None]]
) -> None:
    async def run(database: Database, clock: Clock) -> None:
        accounts, devices = (
            await Accounts.open(database, clock),
            await Devices.open(database, clock),
        )
        if accounts.find(OWNER) is None:
            account, _ = await accounts.create(OWNER)
            await devices.join(DEVICE, account.id, "attic")
        standing = Standing()
        watchman = Watchman(
            standing=standing, devices=devices, now=clock, key=b"k" * 32,
            machines=Machines(), active_bytes=lambda _: 5 * 2**30,
        )  # fmt: skip
        await watchman.begin()
        await act(watchman, standing, devices)
        await watchman.flush()

    with_host(folder, run)


def job(number: int, *, tokens: int = 60, seconds: float = 5.0, words: str = "") -> Job:
    """A job that one attempt answered, for a payer of its own."""
    prices = Prices(input=Micros(1), cached_input=Micros(1), output=Micros(1))
    candidate = Candidate(sha256="a" * 64, prices=prices, prompt_tokens=5, context=4096)
    attempt = Attempt(
        number=0,
        placement=Placement(
            worker=DEVICE, account=AccountId(OWNER), name="attic", sha256="a" * 64,
            circle="anyone", first_seconds=1, gap_seconds=1, tokens_per_second=9, milliseconds=9,
        ),
        first=0,
        offered_at=Microseconds(BEGIN),
        accepted_at=Microseconds(BEGIN),
        heard_at=Microseconds(BEGIN + int(seconds * SECOND)),
        tokens=tuple(range(tokens)),
    )  # fmt: skip
    request = JobRequest(
        job=JobId(f"job-{number}"),
        account=AccountId(f"payer-{number}"),
        domain=Domain("d"),
        model="tiny",
        body=Generate(request=RequestId("r"), prompt=PromptText(text=words or f"ask {number}")),
        candidates=(candidate,),
        shares=Shares(worker=85, fee=10, fund=5),
    )
    return Job(
        request=request, phase="settled", submitted_at=Microseconds(BEGIN),
        waiting_since=Microseconds(BEGIN), candidate=candidate, attempts=(attempt,),
    )  # fmt: skip


def test_a_canned_answer_is_a_strike_with_its_reason(tmp_path: Path) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        for number in range(8):
            watchman.ended(job(number))
        await watchman.flush()

        (strike,) = await devices.strikes(DEVICE)
        assert (strike.kind, strike.job) == ("identical", "job-3")
        assert "60 tokens" in strike.reason
        assert standing.records()[DEVICE].counts == {"identical": 1}

    with_watchman(tmp_path, act)


def test_a_strike_is_written_once_whoever_else_writes_at_that_time(tmp_path: Path) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        for number in range(8):
            watchman.ended(job(number))

        await asyncio.gather(watchman.flush(), watchman.flush())

        assert [strike.kind for strike in await devices.strikes(DEVICE)] == ["identical"]

    with_watchman(tmp_path, act)


def test_a_count_that_was_inflated_is_told_and_enough_of_them_pause(tmp_path: Path) -> None:
    seen = ObserveCount(worker=DEVICE, sha256="a" * 64, differs="", delivered=10, reported=900)

    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        for number in range(4):
            watchman.observed(seen, JobId(f"job-{number}"))
        await watchman.flush()

        kinds = [strike.kind for strike in await devices.strikes(DEVICE)]
        assert kinds == ["paused", "inflated", "inflated", "inflated"]
        assert standing.paused(DEVICE, Microseconds(BEGIN))

    async def later(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        assert "no work for an hour" in standing.paused(DEVICE, Microseconds(BEGIN))
        assert await watchman.forgive(DEVICE) == 4
        assert standing.paused(DEVICE, Microseconds(BEGIN)) == ""
        assert await devices.strikes() == ()

    async def forgiven(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        assert standing.records() == {}

    with_watchman(tmp_path, act)
    with_watchman(tmp_path, later)
    with_watchman(tmp_path, forgiven)


def test_honest_work_is_no_strike_and_no_word_of_it_is_kept(tmp_path: Path) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        for number in range(8):
            honest = job(number, tokens=60 + number, words=f"CANARY {number}")
            watchman.ended(honest)
            assert "CANARY" not in repr(honest)
        await watchman.flush()
        assert await devices.strikes() == ()

    with_watchman(tmp_path, act)
    assert not files_hold(tmp_path, b"CANARY")


def test_sealed_jobs_and_attempts_without_tokens_are_not_looked_at(tmp_path: Path) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        empty = job(1)
        (attempt,) = empty.attempts
        without = msgspec.structs.replace(attempt, tokens=())
        watchman.ended(msgspec.structs.replace(empty, attempts=(without,)))
        watchman.ended(msgspec.structs.replace(empty, attempts=()))
        await watchman.flush()
        assert await devices.strikes() == ()

    with_watchman(tmp_path, act)


@pytest.mark.parametrize(("tokens", "strikes"), [(90, {}), (60, {"room": 1})])
def test_an_answer_that_fills_the_context_of_its_own_machine_is_no_strike(
    tmp_path: Path, tokens: int, strikes: dict[str, int]
) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        cut = job(1, tokens=tokens)
        (attempt,) = cut.attempts
        small = msgspec.structs.replace(attempt.placement, context=100)
        attempt = msgspec.structs.replace(attempt, placement=small)

        watchman.ended(msgspec.structs.replace(cut, attempts=(attempt,), is_cut=True))

        found = standing.records().get(DEVICE)
        assert (found.counts if found is not None else {}) == strikes

    with_watchman(tmp_path, act)


def test_who_refuses_what_another_answers_time_and_again_is_left_alone_for_a_while(
    tmp_path: Path,
) -> None:
    async def act(watchman: Watchman, standing: Standing, devices: Devices) -> None:
        for number in range(3):
            answered = job(number)
            (attempt,) = answered.attempts
            placement = msgspec.structs.replace(attempt.placement, worker=DeviceId("e" * 64))
            refused = msgspec.structs.replace(
                attempt, placement=placement, tokens=(), end="refused", why="invalid_request"
            )
            attempts = (refused, msgspec.structs.replace(attempt, number=1))
            watchman.ended(msgspec.structs.replace(answered, attempts=attempts, ending="completed"))

        assert standing.is_open(DeviceId("e" * 64), "a" * 64, Microseconds(BEGIN))
        assert not standing.is_open(DEVICE, "a" * 64, Microseconds(BEGIN))
        assert standing.records() == {}

    with_watchman(tmp_path, act)
