"""Laws of invites, machines and circles."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Micros, Microseconds
from app.server.host.membership import TRIED
from app.server.storage.accounts import Account
from app.server.storage.invites import InviteKind
from app.wire.opening import Denied
from tests.server.host.doors import Door, with_door
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
