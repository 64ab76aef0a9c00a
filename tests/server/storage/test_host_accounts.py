"""Laws of accounts, projects, friends, limits and devices, on real SQLite files."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.errors import RequestError
from app.core.base.ids import DeviceId
from app.core.base.units import Microseconds
from app.core.pool.limits import Limit
from app.server.storage.accounts import DEFAULT_PROJECT, Accounts
from app.server.storage.database import Database
from app.server.storage.devices import STRIKES_SHOWN, Devices, Strike
from app.server.storage.limits import Limits
from tests.server.storage.host import BEGIN, Clock, with_host

DEVICE = DeviceId("a" * 64)


def test_an_account_begins_active_with_one_project(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, project = await (await Accounts.open(database, clock)).create("  anna ")

        again = await Accounts.open(database, clock)

        assert (account.name, account.state, account.is_vetted) == ("anna", "active", False)
        assert again.all() == (account,)
        assert again.projects(account.id) == (project,)
        assert project.name == DEFAULT_PROJECT
        assert again.find("anna") == again.find(account.id) == account

    with_host(tmp_path, act)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "an\nna", "anna"])
def test_a_name_that_is_none_or_taken_is_refused(tmp_path: Path, name: str) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)
        await accounts.create("anna")

        with pytest.raises(RequestError, match="name"):
            await accounts.create(name)
        assert len(accounts.all()) == 1

    with_host(tmp_path, act)


def test_two_who_ask_at_once_do_not_get_one_name(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)

        made = await asyncio.gather(
            accounts.create("anna"), accounts.create("anna"), return_exceptions=True
        )

        assert sum(isinstance(each, RequestError) for each in made) == 1
        assert len((await Accounts.open(database, clock)).all()) == 1

    with_host(tmp_path, act)


def test_a_closed_account_stays_closed(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)
        account, _ = await accounts.create("anna")
        await accounts.change(account.id, state="paused", reason="asked for it", weight=3)
        await accounts.change(account.id, is_vetted=True)

        closed = await accounts.change(account.id, state="closed", reason="left")

        assert (closed.weight, closed.is_vetted, closed.reason) == (3, True, "left")
        assert (await Accounts.open(database, clock)).all() == (closed,)
        with pytest.raises(RequestError, match="closed"):
            await accounts.change(account.id, state="active")

    with_host(tmp_path, act)


def test_projects_are_named_once_an_account_and_closed_for_good(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)
        (anna, _), (bert, _) = await accounts.create("anna"), await accounts.create("bert")
        site = await accounts.create_project(anna.id, "site")
        await accounts.create_project(bert.id, "site")

        closed = await accounts.close_project(site.id)

        assert closed.closed_at == BEGIN
        assert await accounts.close_project(site.id) == closed
        assert (await Accounts.open(database, clock)).project(site.id) == closed
        with pytest.raises(RequestError, match="site"):
            await accounts.create_project(anna.id, "site")

    with_host(tmp_path, act)


def test_friends_serve_each_other_until_they_part(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)
        (anna, _), (bert, _) = await accounts.create("anna"), await accounts.create("bert")
        await accounts.befriend(anna.id, bert.id)
        await accounts.befriend(bert.id, anna.id)

        again = await Accounts.open(database, clock)
        assert again.are_friends(anna.id, bert.id) and again.are_friends(bert.id, anna.id)
        assert not again.are_friends(anna.id, anna.id)
        assert again.friends(anna.id) == (bert,)

        assert await again.part(bert.id, anna.id)
        assert not await again.part(bert.id, anna.id)
        assert not (await Accounts.open(database, clock)).are_friends(anna.id, bert.id)

    with_host(tmp_path, act)


def test_a_limit_replaces_the_one_of_the_same_measure_and_period(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        limits = await Limits.open(database)
        await limits.set("key", "k", Limit("requests", "minute", 5))
        await limits.set("key", "k", Limit("requests", "day", 50))
        await limits.set("account", "k", Limit("requests", "minute", 7))
        await limits.set("key", "k", Limit("requests", "minute", 6))
        await limits.clear("key", "k", "requests", "day")

        again = await Limits.open(database)

        assert limits.of("key", "k") == again.of("key", "k") == (Limit("requests", "minute", 6),)
        assert again.of("account", "k") == (Limit("requests", "minute", 7),)
        assert again.of("project", "k") == ()

    with_host(tmp_path, act)


def test_a_removed_device_is_not_there_until_it_joins_again(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, devices = (
            await Accounts.open(database, clock),
            await Devices.open(database, clock),
        )
        (anna, _), (bert, _) = await accounts.create("anna"), await accounts.create("bert")
        await devices.join(DEVICE, anna.id, "attic")
        await devices.rename(DEVICE, "cellar")
        assert [each.name for each in devices.of(anna.id)] == ["cellar"]

        await devices.remove(DEVICE)
        assert devices.get(DEVICE) is (await Devices.open(database, clock)).get(DEVICE) is None
        assert devices.of(anna.id) == ()

        await devices.join(DEVICE, bert.id, "attic")
        found = (await Devices.open(database, clock)).get(DEVICE)
        assert found is not None and found.account == bert.id

    with_host(tmp_path, act)


def test_strikes_are_kept_with_their_reason_until_they_are_forgiven(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, devices = (
            await Accounts.open(database, clock),
            await Devices.open(database, clock),
        )
        anna, _ = await accounts.create("anna")
        await devices.join(DEVICE, anna.id, "attic")
        strikes = [
            Strike(device=DEVICE, kind="counts", reason="says 9, is 3", job=f"j{n}",
                   at=Microseconds(BEGIN + n))
            for n in range(3)
        ]  # fmt: skip
        for strike in strikes:
            await devices.strike(strike)

        assert await devices.strikes() == tuple(reversed(strikes))
        assert await devices.strikes(DEVICE, since=BEGIN + 2) == (strikes[2],)
        assert await devices.strikes(DeviceId("b" * 64)) == ()
        assert await devices.forgive(DEVICE) == 3
        assert await devices.strikes() == ()

    with_host(tmp_path, act)


def test_a_machine_with_more_strikes_than_are_shown_hides_no_other(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        anna, _ = await (await Accounts.open(database, clock)).create("anna")
        devices, loud = await Devices.open(database, clock), DeviceId("b" * 64)
        for device, count in ((DEVICE, 2), (loud, STRIKES_SHOWN + 1)):
            await devices.join(device, anna.id, "attic")
            for number in range(count):
                at = Microseconds(BEGIN + number)
                await devices.strike(Strike(device=device, kind="x", reason="y", job="", at=at))

        assert {strike.device for strike in await devices.strikes()} == {loud}
        assert await devices.strike_counts(since=BEGIN + 1) == {DEVICE: 1, loud: STRIKES_SHOWN}

    with_host(tmp_path, act)
