"""Laws of a pool's keys, invites and idempotency, on real SQLite files."""

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import Busy, RequestError
from app.core.base.ids import JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.pool import pool_key
from app.server.storage.accounts import Accounts
from app.server.storage.database import Database
from app.server.storage.idempotency import ASKS_KEPT, KEPT, Idempotency
from app.server.storage.invites import Invites
from app.server.storage.pool_keys import USE_STEP, NewPoolKey, PoolKeys
from tests.server.storage.host import BEGIN, DAY, Clock, files_hold, with_host


async def key_of(database: Database, clock: Clock) -> tuple[PoolKeys, NewPoolKey]:
    _, project = await (await Accounts.open(database, clock)).create("anna")
    keys = await PoolKeys.open(database, clock)
    return keys, await keys.create(project.id, "laptop")


def test_a_key_opens_with_its_secret_and_with_nothing_else(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        keys, made = await key_of(database, clock)

        assert keys.verify(made.secret) == keys.all()[0]
        for wrong in ("", made.secret[:-1], made.secret + "x", made.key.shown, "\udcff",
                      made.secret.replace(made.key.id, "a" * 10)):  # fmt: skip
            assert keys.verify(wrong) is None
        assert (await PoolKeys.open(database, clock)).verify(made.secret) is not None

    with_host(tmp_path, act)


def test_a_secret_is_in_no_file_and_in_no_repr(tmp_path: Path) -> None:
    secrets = []

    async def act(database: Database, clock: Clock) -> None:
        _, made = await key_of(database, clock)
        secrets.append(made.secret[-46:])
        assert secrets[0] not in repr(made) + str(made) + repr(made.key)
        assert not files_hold(tmp_path, secrets[0].encode())

    with_host(tmp_path, act)
    assert not files_hold(tmp_path, secrets[0].encode())


def test_a_revoked_and_an_expired_key_are_as_unknown(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        keys, made = await key_of(database, clock)
        short = await keys.create(
            made.key.project, "short", expires_at=Microseconds(BEGIN + SECOND)
        )
        await keys.revoke(made.key.id)
        assert keys.verify(short.secret) is not None
        clock.now += SECOND

        for each in (keys, await PoolKeys.open(database, clock)):
            assert each.verify(made.secret) is None
            assert each.verify(short.secret) is None
        assert await keys.revoke(made.key.id) == keys.get(made.key.id)
        assert await keys.revoke("nothing") is None

    with_host(tmp_path, act)


def test_a_last_use_is_noted_once_a_minute_and_kept(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        keys, made = await key_of(database, clock)
        keys.verify(made.secret)
        clock.now += USE_STEP - 1
        keys.verify(made.secret)
        await keys.flush()

        (again,) = (await PoolKeys.open(database, clock)).all()

        assert again.last_used_at == BEGIN

    with_host(tmp_path, act)


def test_a_key_needs_a_name(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        keys, made = await key_of(database, clock)
        with pytest.raises(RequestError, match="name"):
            await keys.create(made.key.project, "\x1b[31m")

    with_host(tmp_path, act)


ids = st.text(pool_key.ID_ALPHABET, min_size=10, max_size=10)
chances = st.text(pool_key.SECRET_ALPHABET, min_size=40, max_size=40)


@given(ids, chances)
def test_a_key_is_found_by_its_id_and_recognised_by_scanners(key_id: str, chance: str) -> None:
    key = pool_key.written(key_id, chance)

    assert pool_key.id_of(key) == key_id
    assert re.fullmatch(pool_key.PATTERN, key)
    assert key.startswith(pool_key.shown(key_id))


@given(ids, chances, st.integers(0, 60), st.sampled_from(pool_key.SECRET_ALPHABET))
def test_a_mistyped_key_is_seen_as_such(key_id: str, chance: str, at: int, letter: str) -> None:
    key = pool_key.written(key_id, chance)
    wrong = key[:at] + letter + key[at + 1 :]

    assert pool_key.id_of(wrong) == (key_id if wrong == key else None)


@given(st.text())
def test_any_text_may_be_shown_at_the_door(text: str) -> None:
    assert pool_key.id_of(text) is None
    assert len(pool_key.digest_of(text)) == 32


def test_an_invite_is_used_no_more_often_than_it_allows(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        invites = await Invites.open(database, clock)
        made = await invites.create(
            "account", account=None, expires_at=Microseconds(BEGIN + DAY), uses_max=3,
            credits=Micros(5),
        )  # fmt: skip

        for _ in range(3):
            with invites.using(made.secret) as row:
                await database.write_all([row])

        again = await Invites.open(database, clock)
        assert again.find(made.secret) is None
        assert [(each.uses, each.credits) for each in again.all()] == [(3, 5)]

    with_host(tmp_path, act)


def test_a_use_is_counted_at_once_and_given_back_where_nothing_came_of_it(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        invites = await Invites.open(database, clock)
        made = await invites.create("account", account=None, expires_at=Microseconds(BEGIN + DAY))

        with pytest.raises(Busy), invites.using(made.secret):
            assert invites.find(made.secret) is None
            raise Busy("the disk is full", retry_after_seconds=1)

        assert invites.find(made.secret) == made.invite
        assert invites.known(made.secret) == made.invite

    with_host(tmp_path, act)


def test_an_invite_ends_by_time_and_by_revocation(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        invites = await Invites.open(database, clock)
        late, revoked = [
            await invites.create("account", account=None, expires_at=Microseconds(BEGIN + DAY))
            for _ in range(2)
        ]
        await invites.revoke(revoked.invite.id)
        assert invites.find(revoked.secret) is None
        assert invites.find(late.secret) is not None
        clock.now += DAY

        assert invites.find(late.secret) is None
        assert await invites.revoke("nothing") is None
        assert not files_hold(tmp_path, late.secret.encode())

    with_host(tmp_path, act)


def test_invites_are_forgotten_while_another_is_made(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, _ = await (await Accounts.open(database, clock)).create("anna")
        invites, until = await Invites.open(database, clock), Microseconds(BEGIN + DAY)
        for _ in range(3):
            await invites.create("device", account=account.id, expires_at=until)

        made, _ = await asyncio.gather(
            invites.create("account", account=None, expires_at=until),
            invites.forget(account.id, "anna"),
        )

        again = await Invites.open(database, clock)
        assert {*again.all()} == {*invites.all()}
        assert [each for each in again.all() if each.revoked_at is None] == [made.invite]

    with_host(tmp_path, act)


def test_a_word_stands_for_the_first_request_that_it_was_said_with(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)

        first = await words.claim("key a", "w", b"print", JobId("1"))
        same = await words.claim("key a", "w", b"print", JobId("2"))
        other = await words.claim("key a", "w", b"other", JobId("3"))
        elsewhere = await words.claim("key b", "w", b"other", JobId("4"))

        assert (first.job, first.is_new) == ("1", True)
        assert (same.job, same.is_new, same.is_same) == ("1", False, True)
        assert (other.job, other.is_new, other.is_same) == ("1", False, False)
        assert (elsewhere.job, elsewhere.is_new) == ("4", True)
        assert await words.find("key a", "w") == "1"
        assert await words.find("key b", "w") == "4"
        assert await words.find("key c", "w") is None

    with_host(tmp_path, act)


def test_all_parts_of_a_word_stand_for_one_request(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await words.claim("key a", "w", b"print", JobId("1"), part="chat 0")

        second = await words.claim("key a", "w", b"print", JobId("2"), part="chat 1")
        others = [
            await words.claim("key a", "w", b"other", JobId("3"), part=part)
            for part in ("", "chat 0", "chat 1", "chat 2", "embed")
        ]
        clock.now += KEPT + 1

        assert (second.job, second.is_new) == ("2", True)
        assert [(other.is_new, other.is_same) for other in others] == [(False, False)] * 5
        assert (await words.claim("key a", "w", b"other", JobId("4"), part="chat 2")).is_new

    with_host(tmp_path, act)


def test_a_word_is_free_again_after_a_day_or_when_nothing_began(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await words.claim("key a", "old", b"print", JobId("1"))
        await words.claim("key a", "unbegun", b"print", JobId("2"))
        words.forget("key a", "unbegun", JobId("2"))
        assert (await words.claim("key a", "unbegun", b"x", JobId("3"))).is_new
        clock.now += KEPT + 1

        assert (await words.claim("key a", "old", b"other", JobId("4"))).job == "4"
        assert await words.sweep() == 1

    with_host(tmp_path, act)


def test_a_word_that_is_forgotten_late_stays_with_who_said_it_since(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await words.claim("key a", "w", b"print", JobId("1"))
        words.forget("key a", "w", JobId("1"))
        await words.claim("key a", "w", b"print", JobId("2"))
        words.forget("key a", "w", JobId("1"))

        assert (await words.claim("key a", "w", b"print", JobId("3"))).job == "2"

    with_host(tmp_path, act)


def test_a_word_that_is_forgotten_is_free_after_a_restart(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await words.claim("key a", "w", b"print", JobId("1"))
        words.forget("key a", "w", JobId("1"))
        await words.flush()

        assert (await Idempotency(database, clock).claim("key a", "w", b"x", JobId("2"))).is_new

    with_host(tmp_path, act)


def test_a_members_ask_is_found_by_a_machine_that_was_away_for_weeks(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await words.claim("device d", "ask", b"", JobId("1"))
        clock.now += 30 * KEPT

        assert await words.sweep() == 0
        assert await words.find("device d", "ask") == "1"
        clock.now += ASKS_KEPT
        assert await words.sweep() == 1

    with_host(tmp_path, act)


def test_of_many_who_say_a_word_at_once_one_is_first(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)

        claims = await asyncio.gather(
            *(words.claim("key a", "w", b"print", JobId(str(number))) for number in range(20))
        )

        assert sum(claim.is_new for claim in claims) == 1
        assert len({claim.job for claim in claims}) == 1

    with_host(tmp_path, act)
