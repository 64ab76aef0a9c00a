"""Laws of receipts: work that was done is never lost, and the host's account is checked."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.pool.signed import hash_of
from app.server.node.pool.desk import PoolDesk
from app.wire.pool import CancelJob, Chunk, Finished
from tests.server.node.homes import run, toy
from tests.server.node.pool.members import joined, member_home
from tests.server.node.pool.offers import body_of, lent, offer_job, receipt_of
from tests.support.scripted_host import scripted_host


def test_an_attempt_that_goes_on_after_tokens_claims_its_own_range_alone(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("hello"), "whole")
            whole = receipt_of(await home.host.expect(Finished))
            tokens = [t for f in home.host.frames if isinstance(f, Chunk) for t in f.tokens]

            await offer_job(home, body_of("hello", answered=tokens[:2]), "rest", first=2, attempt=1)
            rest = await home.host.expect(Finished)

            assert (receipt_of(rest).first, receipt_of(rest).end) == (2, whole.end)
            chunk = next(
                f for f in home.host.frames if isinstance(f, Chunk) and f.attempt == 1 and f.tokens
            )
            assert chunk.first == 2

    run(act())


def test_what_was_computed_until_a_cancel_gets_itsreceipt_of(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.05)
        async with joined(tmp_path) as home:
            await lent(home)
            offer = await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            await home.host.send(CancelJob(job=offer.job, attempt=0, why="client"))

            finished = await home.host.expect(Finished)
            receipt = receipt_of(finished)
            assert finished.reason == "cancelled"
            told = [t for f in home.host.frames if isinstance(f, Chunk) for t in f.tokens]
            assert 0 < receipt.tokens_out == len(told) < 2000

    run(act())


def test_receipts_of_a_device_are_a_chain_without_gap(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            for index in range(6):
                await offer_job(home, body_of(f"hello {index}"), f"job-{index}")
            found = [await home.host.expect(Finished) for _ in range(6)]

            receipts = sorted((receipt_of(each) for each in found), key=lambda each: each.number)
            assert [each.number for each in receipts] == list(range(6))
            report = await PoolDesk(home.pool).verify()
            assert report.is_good
            assert (report.receipts, report.verdicts) == (6, 0)

    run(act())


def test_a_receipt_that_the_host_lost_comes_again_until_it_is_counter_signed(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            async with member_home(tmp_path, host) as home:
                home.lend()
                await home.pool.join(host.invite())
                await lent(home)
                await offer_job(home, body_of("hello"))
                first = await host.expect(Finished)
            async with member_home(tmp_path, host) as home:
                again = await host.expect(Finished)
                assert (again.receipt, again.signature) == (first.receipt, first.signature)
                await host.countersign(again, earned=70)
                shown = await home.until(lambda pool: pool.earned_today == 70)
                assert shown.unacknowledged == 0
            frames = len(host.frames)
            async with member_home(tmp_path, host) as home:
                await home.until(lambda pool: pool.link == "connected")
                assert not [f for f in host.frames[frames:] if isinstance(f, Finished)]

    run(act())


@pytest.mark.parametrize("is_same", [True, False])
def test_a_host_that_has_another_receipt_of_this_device_is_disputed(
    tmp_path: Path, is_same: bool
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            async with member_home(tmp_path, host) as home:
                home.lend()
                await home.pool.join(host.invite())
                await lent(home)
                await offer_job(home, body_of("hello"))
                last = hash_of((await host.expect(Finished)).receipt)
            host.terms = replace(host.terms, receipts=1, receipt_hash=last if is_same else b"x")
            async with member_home(tmp_path, host) as home:
                await host.expect(Finished)
                assert home.pool.member is not None
                assert len(home.pool.member.receipts.disputes) == (0 if is_same else 1)

    run(act())


def test_a_verdict_that_comes_twice_is_booked_once(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("hello"))
            finished = await home.host.expect(Finished)

            frame = await home.host.countersign(finished, earned=70)
            await home.host.send(frame)
            await offer_job(home, body_of("again"), "other")
            await home.host.countersign(await home.host.expect(Finished), earned=5)

            shown = await home.until(lambda pool: pool.earned_today == 75)
            assert (shown.jobs_today, shown.unacknowledged) == (2, 0)
            assert home.mirror.entries == {
                ("earned", "job", 0): 70,
                ("earned", "other", 0): 5,
            }

    run(act())


@pytest.mark.parametrize(
    "change",
    [
        lambda verdict: replace(verdict, receipt=b"another"),
        lambda verdict: replace(verdict, answer=verdict.answer + 1),
        lambda verdict: replace(verdict, device="0" * 64),
        lambda verdict: replace(verdict, pool="0" * 64),
    ],
)
def test_a_verdict_that_does_not_agree_is_kept_out_of_the_books_and_shown(
    tmp_path: Path, change: object
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("hello"))
            finished = await home.host.expect(Finished)

            await home.host.countersign(finished, earned=70, change=change)  # type: ignore[arg-type]

            shown = await home.until(lambda pool: pool.disputes > 0)
            assert (shown.earned_today, shown.unacknowledged) == (0, 1)
            assert home.mirror.entries == {}

    run(act())


def test_a_host_that_tells_two_stories_is_found_out(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            await home.host.checkpoint()
            await home.host.checkpoint(number=0, head=b"h" * 32)

            await home.until(lambda pool: pool.disputes == 1)

    run(act())


def test_a_story_that_differs_long_ago_is_found_out_and_told_again_after_a_restart(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            async with member_home(tmp_path, host) as home:
                await home.pool.join(host.invite())
                for _ in range(5):
                    await host.checkpoint()
                await host.checkpoint(number=2, head=b"h" * 32)
                await home.until(lambda pool: pool.disputes == 1)

            async with member_home(tmp_path, host) as home:
                await home.until(lambda pool: pool.disputes == 1)

    run(act())
