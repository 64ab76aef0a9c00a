"""Laws of what a node keeps of its pools: written once, found again after any end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from sqlite3 import IntegrityError

import pytest
from msgspec.structs import replace

from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.member.calendar import DAY_SECONDS
from app.core.member.caps import Spent
from app.server.storage.database import Database
from app.server.storage.memberships import Membership, Memberships
from app.server.storage.pool_asks import KeptAsk, PoolAsks, PoolDays
from app.server.storage.pool_receipts import KeptCheckpoint, KeptReceipt, PoolReceipts

CLUB = PoolId("c" * 64)
FRIENDS = PoolId("f" * 64)
DAY = Microseconds(DAY_SECONDS * 1_000_000)


def utc(_: Microseconds) -> int:
    """Offset of an owner who lives by UTC."""
    return 0


MEMBERSHIP = Membership(pool=CLUB, address="wss://club.example", joined_at=Microseconds(5))


def with_database(path: Path, act: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await Database.open(path / "node.db", is_durable=True) as database:
            memberships = await Memberships.open(database)
            await memberships.keep(MEMBERSHIP)
            await act(database)

    asyncio.run(run())


def _receipt(number: int) -> KeptReceipt:
    return KeptReceipt(
        number=number,
        job=JobId(f"job-{number}"),
        attempt=0,
        model="small",
        finished=b"frame",
        receipt=b"receipt",
        signature=b"s" * 64,
        hash=bytes([number]) * 32,
        finished_at=Microseconds(10 + number),
    )


def _ask(job: str, cost_max: int, at: int = 10) -> KeptAsk:
    return KeptAsk(
        job=JobId(job),
        pool=CLUB,
        model="large",
        asked_at=Microseconds(at),
        cost_max=Micros(cost_max),
    )


def test_a_membership_is_found_again_and_stays_known_when_it_was_left(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        memberships = await Memberships.open(database)
        assert memberships.current == MEMBERSHIP

        await memberships.keep(replace(MEMBERSHIP, name="Club", left_at=Microseconds(9)))

        again = await Memberships.open(database)
        assert again.current is None
        assert [each.name for each in again.all()] == ["Club"]

    with_database(tmp_path, act)


def test_a_node_is_a_member_of_one_pool_at_a_time(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        memberships = await Memberships.open(database)

        with pytest.raises(IntegrityError):
            await memberships.keep(replace(MEMBERSHIP, pool=FRIENDS))

    with_database(tmp_path, act)


def test_a_chain_of_receipts_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        for number in range(3):
            await receipts.add(_receipt(number))
        await receipts.settle(
            1, verdict=b"v", signature=b"h" * 64, earned=Micros(7), at=Microseconds(20)
        )

        again = await PoolReceipts.open(database, CLUB)

        assert (again.count, again.unacknowledged, again.head) == (3, 2, bytes([2]) * 32)
        assert [each.number for each in await again.from_number(1)] == [1, 2]
        assert [each.number for each in await again.without_verdict()] == [0, 2]
        assert [each.number for each in await again.newest(2)] == [2, 1]
        found = await again.find(JobId("job-1"), 0)
        assert found is not None and found.earned == 7

    with_database(tmp_path, act)


def test_a_receipt_is_never_changed_nor_deleted_and_its_verdict_is_kept_once(
    tmp_path: Path,
) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        await receipts.add(_receipt(0))
        first = {"verdict": b"v", "signature": b"h" * 64, "at": Microseconds(20)}
        assert await receipts.settle(0, earned=Micros(7), **first)  # type: ignore[arg-type]

        assert not await receipts.settle(0, earned=Micros(9), **first)  # type: ignore[arg-type]
        for statement in (
            "delete from pool_receipts",
            "update pool_receipts set earned = 9",
            "update pool_receipts set receipt = x'00'",
        ):
            with pytest.raises(IntegrityError):
                await database.write(statement)

    with_database(tmp_path, act)


def test_an_attempt_has_one_receipt(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        await receipts.add(_receipt(0))

        with pytest.raises(IntegrityError):
            await receipts.add(replace(_receipt(1), job=JobId("job-0")))

    with_database(tmp_path, act)


def test_earnings_fall_on_the_day_of_their_verdict_in_the_owners_zone(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        for number, at in enumerate((DAY - 1, DAY, 2 * DAY)):
            await receipts.add(_receipt(number))
            await receipts.settle(
                number, verdict=b"v", signature=b"h" * 64, earned=Micros(5), at=Microseconds(at)
            )

        assert await receipts.earned_by_day(utc) == {0: (5, 1), 1: (5, 1), 2: (5, 1)}
        assert await receipts.earned_by_day(lambda _: 3600) == {1: (10, 2), 2: (5, 1)}

    with_database(tmp_path, act)


def test_two_checkpoints_of_one_number_are_both_kept_as_proof(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        one = KeptCheckpoint(
            number=3, checkpoint=b"one", signature=b"h" * 64, seen_at=Microseconds(1)
        )
        for kept in (one, replace(one, seen_at=Microseconds(2)), replace(one, checkpoint=b"two")):
            await receipts.keep_checkpoint(kept)

        assert [each.checkpoint for each in await receipts.checkpoints()] == [b"one", b"two"]

    with_database(tmp_path, act)


def test_a_checkpoint_is_compared_with_its_neighbours_however_many_there_are(
    tmp_path: Path,
) -> None:
    async def act(database: Database) -> None:
        receipts = await PoolReceipts.open(database, CLUB)
        for number, word in ((0, b"a"), (3, b"b"), (3, b"c"), (7, b"d"), (9, b"e")):
            await receipts.keep_checkpoint(
                KeptCheckpoint(
                    number=number, checkpoint=word, signature=b"h" * 64, seen_at=Microseconds(1)
                )
            )

        async def beside(number: int) -> bytes:
            found = await receipts.checkpoints_beside(number)
            return b"".join(each.checkpoint for each in found)

        assert [await beside(number) for number in (0, 3, 5, 7, 12)] == [
            b"abc", b"abcd", b"bcd", b"bcde", b"e",
        ]  # fmt: skip

    with_database(tmp_path, act)


def test_what_is_asked_counts_as_spent_until_its_cost_is_known(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        asks = await PoolAsks.open(database)
        await asks.begin(_ask("a", 100))
        await asks.begin(_ask("b", 50))
        assert await asks.spent(Microseconds(0), utc, CLUB) == Spent(reserved=Micros(150))

        await asks.end(replace(_ask("a", 100), cost=Micros(30), ended_at=Microseconds(20)))

        again = await PoolAsks.open(database)
        expected = Spent(day=Micros(30), month=Micros(30), reserved=Micros(50))
        assert await again.spent(Microseconds(0), utc, CLUB) == expected
        assert await again.spent(DAY, utc, CLUB) == replace(expected, day=Micros(0))
        assert await again.spent(Microseconds(31 * DAY), utc, CLUB) == Spent(reserved=Micros(50))

    with_database(tmp_path, act)


@pytest.mark.parametrize(("hour", "counted"), [(-2, 0), (-1.5, 0), (-1, 7), (-0.5, 7), (0.5, 7)])
def test_a_day_and_a_month_are_whole_though_the_clocks_changed_in_them(
    tmp_path: Path, hour: float, counted: int
) -> None:
    """From one hour ahead of UTC to none, an hour after the first of February began in UTC."""
    first = 31 * DAY
    asked = Microseconds(int(first + hour * (DAY // 24)))

    def offset_at(at: Microseconds) -> int:
        return 3600 if at < first + DAY // 24 else 0

    async def act(database: Database) -> None:
        asks = await PoolAsks.open(database)
        await asks.begin(_ask("a", 7, at=asked))
        await asks.end(replace(_ask("a", 7, at=asked), cost=Micros(7), ended_at=asked))

        found = await asks.spent(Microseconds(first + DAY // 2), offset_at, CLUB)

        assert found == Spent(day=Micros(counted), month=Micros(counted))
        assert (await asks.spent_by_day(CLUB, offset_at)).get(31, 0) == counted

    with_database(tmp_path, act)


def test_what_was_asked_of_a_pool_that_was_left_counts_when_it_was_asked(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        asks = await PoolAsks.open(database)
        await asks.begin(_ask("a", 100, at=2 * DAY))

        whole = Micros(100)
        assert await asks.spent(Microseconds(2 * DAY), utc, FRIENDS) == Spent(
            day=whole, month=whole
        )
        assert await asks.spent(Microseconds(3 * DAY), utc, FRIENDS) == Spent(month=whole)
        assert await asks.spent(Microseconds(40 * DAY), utc, FRIENDS) == Spent()
        assert await asks.spent(Microseconds(40 * DAY), utc, CLUB) == Spent(reserved=whole)

    with_database(tmp_path, act)


def test_a_cost_is_told_once(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        asks = await PoolAsks.open(database)
        await asks.begin(_ask("a", 100))
        ended = replace(_ask("a", 100), cost=Micros(30), ended_at=Microseconds(20))

        await asks.end(ended)
        await asks.end(replace(ended, cost=Micros(90)))

        assert await asks.spent_by_day(CLUB, utc) == {0: 30}

    with_database(tmp_path, act)


def test_no_ask_costs_more_than_it_may(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        asks = await PoolAsks.open(database)
        await asks.begin(_ask("a", 100))

        with pytest.raises(IntegrityError):
            await asks.end(replace(_ask("a", 100), cost=Micros(101), ended_at=Microseconds(20)))

    with_database(tmp_path, act)


def test_energy_adds_up_by_day(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        days = PoolDays(database)
        for day, joules in ((1, 2.5), (1, 2.5), (2, 1.0)):
            await days.add_joules(CLUB, day, joules)

        assert await days.joules_by_day(CLUB) == {1: 5.0, 2: 1.0}

    with_database(tmp_path, act)
