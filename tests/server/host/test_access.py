"""Laws of the door: who is let in, what a stranger learns, and how much may be asked."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.errors import (
    Forbidden,
    LimitReached,
    RequestError,
    Unauthorized,
)
from app.core.base.ids import DeviceId, JobId
from app.core.base.units import SECOND, Micros
from app.core.pool.limits import Amounts, Limit
from app.server.host.access import WRONG_KEYS, DefaultLimits
from app.server.host.caller import place_of
from app.server.host.usage import Ended
from app.server.storage.pool_keys import PoolScope
from tests.server.host.doors import Door, with_door
from tests.server.storage.host import DAY

FREE = DefaultLimits(account=(), address=())
"""No limit but those that a test sets."""


def test_every_wrong_key_gets_the_same_answer(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        good, revoked, closed = [await door.key(name) for name in ("anna", "bert", "cleo")]
        key = door.keys.verify(revoked)
        assert key is not None
        await door.keys.revoke(key.id)
        shut = door.keys.verify(closed)
        assert shut is not None
        await door.accounts.close_project(shut.project)
        words = set()

        for wrong in ("", "sk-1234", good[:-1] + "A", revoked, closed, good.replace("_", "-")):
            with pytest.raises(Unauthorized) as refused:
                door.access.authenticate(wrong, "192.0.2.1")
            words.add((refused.value.message, refused.value.remedy))

        assert len(words) == 1
        assert door.access.authenticate(good, "192.0.2.1").address == "192.0.2.1"

    with_door(tmp_path, act)


def test_who_guesses_is_slowed_and_who_has_a_key_is_not(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        good = await door.key()
        for _ in range(WRONG_KEYS.amount):
            with pytest.raises(Unauthorized):
                door.access.authenticate("wrong", "2001:db8::1")

        with pytest.raises(LimitReached) as refused:
            door.access.authenticate("wrong", "2001:db8::ffff")

        assert refused.value.retry_after_seconds == 3
        assert door.access.authenticate(good, "2001:db8::1")
        with pytest.raises(Unauthorized):
            door.access.authenticate("wrong", "192.0.2.1")

    with_door(tmp_path, act)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_stopped_account_is_told_why_to_who_has_its_key(tmp_path: Path, state: str) -> None:
    async def act(door: Door) -> None:
        good = await door.key()
        account = door.accounts.all()[0]
        await door.devices.join(DeviceId("a" * 64), account.id, "attic")
        await door.accounts.change(account.id, state=state, reason="too loud")  # type: ignore[arg-type]

        with pytest.raises(Forbidden, match=f"{state}: too loud"):
            door.access.authenticate(good, "192.0.2.1")
        with pytest.raises(Forbidden, match="too loud"):
            door.access.member(DeviceId("a" * 64))
        with pytest.raises(Unauthorized):
            door.access.authenticate(good + "x", "192.0.2.1")

    with_door(tmp_path, act)


def test_a_key_opens_only_what_its_scopes_say(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        _, project = await door.accounts.create("anna")
        made = await door.keys.create(project.id, "prometheus", scopes=("metrics",))
        caller = door.access.authenticate(made.secret, "192.0.2.1")
        others: tuple[PoolScope, ...] = ("inference", "billing")

        caller.needs("metrics")
        for scope in others:
            with pytest.raises(Forbidden, match=scope):
                caller.needs(scope)

    with_door(tmp_path, act)


def test_of_many_requests_at_once_exactly_as_many_pass_as_every_limit_allows(
    tmp_path: Path,
) -> None:
    async def act(door: Door) -> None:
        caller = door.access.authenticate(await door.key(), "")
        assert caller.key_id is not None
        await door.limits.set("key", caller.key_id, Limit("credits", "day", 1000))
        await door.limits.set("account", caller.account, Limit("requests", "minute", 5000))

        async def ask() -> bool:
            try:
                door.access.admit(caller, Amounts(credits=7, tokens=1))
            except LimitReached:
                return False
            return True

        assert sum(await asyncio.gather(*(ask() for _ in range(10_000)))) == 1000 // 7

    with_door(tmp_path, act, FREE)


def test_a_refusal_says_which_limit_and_when_to_come_again(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        caller = door.access.authenticate(await door.key(), "")
        await door.limits.set("project", caller.project, Limit("tokens", "minute", 100))
        door.access.admit(caller, Amounts(tokens=60))

        with pytest.raises(LimitReached, match="this project may use 100 tokens a minute") as told:
            door.access.admit(caller, Amounts(tokens=100))
        assert "40 are left" in told.value.message
        assert told.value.retry_after_seconds == 36
        door.clock.now += 36 * SECOND
        door.access.admit(caller, Amounts(tokens=100))

        with pytest.raises(RequestError, match="needs 101 at once"):
            door.access.admit(caller, Amounts(tokens=101))

    with_door(tmp_path, act, FREE)


def test_a_second_key_does_not_get_around_the_limit_of_the_account(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        first = door.access.authenticate(await door.key(), "192.0.2.1")
        more = [(await door.keys.create(first.project, f"key {n}")).secret for n in range(5)]
        await door.limits.set("account", first.account, Limit("requests", "minute", 3))
        passed = 0

        for secret in more:
            caller = door.access.authenticate(secret, "192.0.2.1")
            try:
                door.access.admit(caller, Amounts())
            except LimitReached:
                continue
            passed += 1

        assert passed == 3

    with_door(tmp_path, act, FREE)


def test_accounts_of_one_address_share_its_limit(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        secrets = [await door.key(name) for name in ("anna", "bert", "cleo")]
        callers = [door.access.authenticate(secret, "2001:db8::1") for secret in secrets]
        for caller in callers[:2]:
            door.access.admit(caller, Amounts())

        with pytest.raises(LimitReached, match="this address"):
            door.access.admit(callers[2], Amounts())
        elsewhere = door.access.authenticate(secrets[2], "2001:db8:1::1")
        door.access.admit(elsewhere, Amounts())

    with_door(tmp_path, act, DefaultLimits(account=(), address=(Limit("requests", "minute", 2),)))


def test_what_a_request_really_took_is_what_counts(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        caller = door.access.authenticate(await door.key(), "")
        await door.limits.set("account", caller.account, Limit("credits", "month", 100))
        first = door.access.admit(caller, Amounts(credits=90))
        assert first.claim(7) == 7
        assert first.claim(20) == 3
        assert first.claim(1) == 0
        with pytest.raises(LimitReached):
            door.access.admit(caller, Amounts(credits=1))

        first.settle(Amounts(credits=30))
        first.settle(Amounts(credits=0))

        assert door.access.uses(caller)[0].used == 30
        door.access.admit(caller, Amounts(credits=70))

    with_door(tmp_path, act, FREE)


def test_a_request_that_came_to_nothing_counts_for_nothing(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        caller = door.access.authenticate(await door.key(), "")
        await door.limits.set("account", caller.account, Limit("requests", "day", 1))
        admission = door.access.admit(caller, Amounts())

        refused = Ended(job=JobId("r"), model="", status="unserved")
        door.reporting.record(caller, admission, refused)

        door.access.admit(caller, Amounts())
        assert [row.status for row in await door.usage.rows()] == ["unserved"]

    with_door(tmp_path, act, FREE)


def test_budgets_go_on_after_a_restart(tmp_path: Path) -> None:
    secrets: list[str] = []
    limit = Limit("credits", "month", 100)

    async def before(door: Door) -> None:
        secrets.append(await door.key())
        caller = door.access.authenticate(secrets[0], "192.0.2.1")
        await door.limits.set("account", caller.account, limit)
        ended = Ended(job=JobId("r"), model="tiny", status="completed", prompt=3, cost=Micros(60))
        door.reporting.record(caller, door.access.admit(caller, Amounts(credits=60)), ended)
        await door.usage.flush()

    async def after(door: Door) -> None:
        caller = door.access.authenticate(secrets[0], "192.0.2.1")
        assert [(use.limit, use.used) for use in door.access.uses(caller)] == [(limit, 60)]
        with pytest.raises(LimitReached):
            door.access.admit(caller, Amounts(credits=41))
        door.clock.now += 31 * DAY
        door.access.admit(caller, Amounts(credits=100))

    with_door(tmp_path, before, FREE)
    with_door(tmp_path, after, FREE)


def test_a_host_whose_limits_refuse_nothing_does_not_open(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        probe = [use for use in door.access.uses_of("key", "self-test")]
        assert [(use.limit.amount, use.used) for use in probe] == [(1, 1)]

    with_door(tmp_path, act)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_a_home_is_one_place_whatever_its_addresses(address: str, place: str) -> None:
    assert place_of(address) == place
