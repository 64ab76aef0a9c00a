"""Laws of invites, machines and circles."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.core.base.errors import Busy
from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.pricing import Shares
from app.core.pool.happenings import Proved
from app.server.host.members import Members
from app.server.host.membership import TRIED
from app.server.host.verdicts import Verdicts
from app.server.identity.keys import verify
from app.server.storage.accounts import Account
from app.server.storage.checkpoints import Checkpoints
from app.server.storage.invites import InviteKind
from app.server.storage.receipts import Receipts
from app.server.storage.unwritable import Unwritable
from app.wire.opening import Denied, Hello
from tests.core.pool.chains import POOL
from tests.server.host.doors import Door, with_door
from tests.server.storage.held import held
from tests.server.storage.host import BEGIN, DAY

ONE, TWO = DeviceId("1" * 64), DeviceId("2" * 64)


async def invite(
    door: Door, kind: InviteKind, account: AccountId | None = None, credits_: int = 0
) -> str:
    made = await door.invites.create(
        kind, account=account, expires_at=Microseconds(BEGIN + DAY), credits=Micros(credits_)
    )
    return made.secret


async def joins(door: Door, device: DeviceId, secret: str, name: str = "attic") -> Account:
    found = await door.membership.admit(device, invite=secret, name=name, address="192.0.2.1")
    assert isinstance(found, Account), found
    return found


def test_a_stranger_needs_an_invite_once(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        denied = await door.membership.admit(ONE, invite="", name="attic")
        assert isinstance(denied, Denied) and denied.code == "unknown_device"

        account = await joins(door, ONE, await invite(door, "account", credits_=500))

        assert account.name == "attic"
        assert await joins(door, ONE, "") == account
        assert list(door.granted.values()) == [(account.id, 500)]

    with_door(tmp_path, act)


def test_every_useless_invite_gets_the_same_answer(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        used, revoked, late = [await invite(door, "account") for _ in range(3)]
        await joins(door, ONE, used)
        await door.invites.revoke(door.invites.all()[1].id)
        answers = [await door.membership.admit(TWO, invite=each, name="x")
                   for each in (used, revoked, "unheard of")]  # fmt: skip
        door.clock.now += DAY
        answers.append(await door.membership.admit(TWO, invite=late, name="x"))

        assert all(answer == answers[0] for answer in answers)
        assert isinstance(answers[0], Denied) and answers[0].code == "invite"
        assert door.devices.get(TWO) is None

    with_door(tmp_path, act)


def test_of_two_who_come_with_one_invite_one_gets_in(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        secret = await invite(door, "account", credits_=5)

        found = await asyncio.gather(
            *(door.membership.admit(device, invite=secret, name="x") for device in (ONE, TWO))
        )

        assert sum(isinstance(each, Account) for each in found) == 1
        assert len(door.granted) == len(door.accounts.all()) == 1

    with_door(tmp_path, act)


def test_keys_made_in_bulk_get_no_account_and_no_credit_but_for_invites(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        made = await door.invites.create(
            "account", account=None, expires_at=Microseconds(BEGIN + DAY), credits=Micros(500),
            uses_max=3,
        )  # fmt: skip
        for number in range(200):
            device = DeviceId(f"{number:064x}")
            for secret in ("", made.secret):
                # Each from a place of its own, as whoever has many addresses comes.
                address = f"2001:db8:{number:x}::1"
                await door.membership.admit(device, invite=secret, name="x", address=address)

        assert len(door.accounts.all()) == len(door.granted) == 3
        assert sum(amount for _, amount in door.granted.values()) == 3 * 500
        assert door.devices.get(DeviceId(f"{199:064x}")) is None

    with_door(tmp_path, act)


def test_guessing_invites_is_slowed(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        for _ in range(TRIED.amount):
            await door.membership.admit(ONE, invite="guess", name="x", address="192.0.2.1")

        denied = await door.membership.admit(ONE, invite="guess", name="x", address="192.0.2.1")
        assert isinstance(denied, Denied) and denied.code == "too_often"
        assert denied.retry_after_seconds == 3

    with_door(tmp_path, act)


def test_an_invited_machine_joins_the_account_and_a_friend_gets_its_own(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        host, _ = await door.accounts.create("anna")

        mine = await joins(door, ONE, await invite(door, "device", host.id))
        friend = await joins(door, TWO, await invite(door, "friend", host.id))

        assert mine == host
        assert friend.id != host.id
        assert door.membership.circle(host.id, host.id) == "own"
        assert door.membership.circle(host.id, friend.id) == "friends"
        assert door.membership.circle(friend.id, host.id) == "friends"

    with_door(tmp_path, act)


def test_a_member_becomes_a_friend_without_a_second_account(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        host, _ = await door.accounts.create("anna")
        member = await joins(door, ONE, await invite(door, "account", credits_=5))

        again = await joins(door, ONE, await invite(door, "friend", host.id, credits_=5))

        assert again.id == member.id
        assert door.accounts.are_friends(host.id, member.id)
        assert len(door.granted) == 1

    with_door(tmp_path, act)


def test_a_friend_of_one_is_no_friend_of_another(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        anna, _ = await door.accounts.create("anna")
        bert, _ = await door.accounts.create("bert")
        friend = await joins(door, ONE, await invite(door, "friend", anna.id))
        await door.accounts.change(friend.id, is_vetted=True)

        assert door.membership.circle(bert.id, friend.id) == "vetted"
        assert door.membership.circle(friend.id, bert.id) == "anyone"

    with_door(tmp_path, act)


def test_a_machine_can_be_moved_by_an_invite_and_removed_for_good(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        anna, _ = await door.accounts.create("anna")
        await joins(door, ONE, await invite(door, "account"))
        assert await joins(door, ONE, await invite(door, "device", anna.id)) == anna

        await door.devices.remove(ONE)

        denied = await door.membership.admit(ONE, invite="", name="attic")
        assert isinstance(denied, Denied) and denied.code == "unknown_device"

    with_door(tmp_path, act)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_machines_of_a_stopped_account_are_told_why(tmp_path: Path, state: str) -> None:
    async def act(door: Door) -> None:
        account = await joins(door, ONE, await invite(door, "account"))
        await door.accounts.change(account.id, state=state, reason="loud")  # type: ignore[arg-type]

        denied = await door.membership.admit(ONE, invite="", name="attic")

        assert isinstance(denied, Denied) and denied.code == "paused"
        assert "loud" in denied.message

    with_door(tmp_path, act)


@pytest.mark.parametrize("name", ["", "\x1b[2J", "x" * 500, "attic"])
def test_a_machine_may_call_itself_anything(tmp_path: Path, name: str) -> None:
    async def act(door: Door) -> None:
        await door.accounts.create("attic")
        account = await joins(door, ONE, await invite(door, "account"), name)

        assert account.name.isprintable() and 1 <= len(account.name) <= 100

    with_door(tmp_path, act)


async def invite_of_many(door: Door) -> str:
    made = await door.invites.create(
        "account", account=None, expires_at=Microseconds(BEGIN + DAY), credits=Micros(5),
        uses_max=5,
    )  # fmt: skip
    return made.secret


def test_a_machine_that_comes_twice_at_once_gets_one_account(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        secret = await invite_of_many(door)

        one, two = await asyncio.gather(joins(door, ONE, secret), joins(door, ONE, secret))

        assert one == two
        assert door.accounts.all() == (one,)
        assert [each.uses for each in door.invites.all()] == [1]
        assert list(door.granted.values()) == [(one.id, 5)]

    with_door(tmp_path, act)


def test_credits_that_could_not_be_given_come_with_the_next_try_and_once(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        door.books_are_full = True
        secret = await invite(door, "account", credits_=5)
        with pytest.raises(Busy):
            await joins(door, ONE, secret)

        door.books_are_full = False
        account = await joins(door, ONE, secret)
        await joins(door, ONE, secret)

        assert list(door.granted.values()) == [(account.id, 5)]
        assert len(door.accounts.all()) == 1

    with_door(tmp_path, act)


@pytest.mark.parametrize("kind", ["account", "device", "friend"])
def test_an_invite_is_not_used_up_while_the_file_is_held(tmp_path: Path, kind: InviteKind) -> None:
    async def act(door: Door) -> None:
        host = None if kind == "account" else (await door.accounts.create("anna"))[0].id
        secret = await invite(door, kind, host)
        await door.database._connection.execute("pragma busy_timeout = 10")
        with held(tmp_path / "pool.db"), pytest.raises(Unwritable):
            await joins(door, ONE, secret)
        assert door.devices.get(ONE) is None

        account = await joins(door, ONE, secret)

        assert door.devices.account_of(ONE) == account.id
        assert [each.uses for each in door.invites.all()] == [1]

    with_door(tmp_path, act)


def test_a_removed_machine_that_is_invited_again_has_its_account_and_no_second_gift(
    tmp_path: Path,
) -> None:
    async def act(door: Door) -> None:
        secret = await invite_of_many(door)
        account = await joins(door, ONE, secret)
        await door.devices.remove(ONE)

        assert await joins(door, ONE, secret) == account
        assert [each.uses for each in door.invites.all()] == [2]
        assert list(door.granted.values()) == [(account.id, 5)]

    with_door(tmp_path, act)


def test_a_machine_of_a_forgotten_account_comes_back_under_no_name(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        secret = await invite_of_many(door)
        account = await joins(door, ONE, secret)
        await door.accounts.forget(account.id)
        await door.devices.forget(account.id)

        denied = await door.membership.admit(ONE, invite=secret, name="attic")

        assert isinstance(denied, Denied) and denied.code == "invite"
        assert [each.name for each in door.devices.all()] == ["forgotten"]

    with_door(tmp_path, act)


def test_who_is_paused_while_it_is_let_in_stays_outside(tmp_path: Path) -> None:
    async def act(door: Door) -> None:
        account = await joins(door, ONE, await invite(door, "account"))
        coming = asyncio.create_task(members_of(door).admit(proved(ONE, "attic"), ""))
        await asyncio.sleep(0)  # its account was looked at, and the disk is asked for its chain
        await door.accounts.change(account.id, state="paused", reason="loud")

        denied = await coming

        assert isinstance(denied, Denied) and "loud" in denied.message

    with_door(tmp_path, act)


def proved(device: DeviceId, name: str) -> Proved:
    hello = Hello(versions=(1,), device=device, nonce=b"", program="test", name=name)
    return Proved(hello=hello, device=device, sealing_key=b"", sealing_signature=b"")


def members_of(door: Door) -> Members:
    """Of a host in which nobody is yet: what it does for who is in is nothing here."""
    verdicts = Verdicts(
        Receipts(door.database), Checkpoints(door.database), signer=POOL, verify=verify,
        tell=lambda *_: True, now=door.clock,
    )  # fmt: skip
    nobody: Any = None
    return Members(
        membership=door.membership, devices=door.devices, verdicts=verdicts, roster=nobody,
        dispatch=nobody, jobs=nobody, asks=nobody, market=nobody, tell=lambda *_: True,
        shares=lambda: Shares(worker=85, fee=10, fund=5), pool_name="club",
        heartbeat_seconds=10.0, grace_seconds=10.0,
    )  # fmt: skip
