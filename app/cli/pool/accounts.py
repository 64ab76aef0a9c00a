"""`athanor pool accounts`: who belongs to the pool that is hosted here."""

import time

import click
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, print_table, stdout
from app.cli.pool.host import amount, host, is_or_fail
from app.core.state.view import duration
from app.wire.pool_admin import (
    AccountChange,
    AccountDetail,
    AccountList,
    AccountPicture,
    FriendRequest,
    ProjectPicture,
)

ACCOUNT = click.argument("account", metavar="NAME|ID")


@rich_click.group("accounts")
def accounts() -> None:
    """Make, list and change the accounts of the pool that is hosted here.

    An account pays for what its keys and machines ask, and earns by what its machines lend.
    Whoever joins by an invite gets one by itself.
    """


@command("list", examples=(("all accounts", "athanor pool accounts list"),), answer=AccountList)
def list_(is_json: bool) -> int:
    """List the accounts with their credits."""
    with host() as client:
        found = client.pool_accounts()
    if is_json:
        print_json(AccountList(accounts=found))
    elif not found:
        stdout().print("There are no accounts. `athanor pool accounts add NAME` makes one,")
        stdout().print("and who joins by an invite gets one: `athanor pool invite`.")
    else:
        print_table(
            ("NAME", "STATE", "BALANCE>", "HELD>", "OWED>", "MACHINES>", "KEYS>", "VETTED", "ID"),
            [_row(each) for each in found],
        )
    return Exit.OK


@command(
    "add",
    examples=(("an account for Anna", "athanor pool accounts add anna"),),
    answer=AccountPicture,
)
@click.argument("name")
def add(name: str, is_json: bool) -> int:
    """Make an account; `athanor pool keys add` makes its first key."""
    with host() as client:
        made = client.make_pool_account(name)
    if is_json:
        print_json(made)
    else:
        stdout().print(f"Made the account {made.name!r} ({made.id}).", markup=False)
    return Exit.OK


@command(
    "show",
    examples=(("all that belongs to an account", "athanor pool accounts show anna"),),
    answer=AccountDetail,
)
@ACCOUNT
def show(account: str, is_json: bool) -> int:
    """Show an account with its projects, keys, machines, friends and limits."""
    with host() as client:
        found = client.pool_account(account)
    if is_json:
        print_json(found)
    else:
        _print_detail(found)
    return Exit.OK


@command(
    "set",
    examples=(
        ("let its machines serve who wants vetted ones", "athanor pool accounts set anna --vetted"),
        ("refuse it for now, and say why", 'athanor pool accounts set bert --pause "ask me first"'),
        ("let it in again", "athanor pool accounts set bert --resume"),
    ),
    answer=AccountPicture,
)  # fmt: skip
@ACCOUNT
@click.option("--vetted/--not-vetted", default=None, help="Whether you trust its machines.")
@click.option("--weight", type=click.IntRange(1, 1000), help="Its share when callers queue; 1.")
@click.option("--pause", metavar="REASON", help="Refuse its keys and machines; it is told why.")
@click.option("--resume", is_flag=True, help="End a pause.")
@click.option("--close", metavar="REASON", help="Refuse it for good; its books stay.")
def set_(
    *,
    account: str,
    vetted: bool | None,
    weight: int | None,
    pause: str | None,
    resume: bool,
    close: str | None,
    is_json: bool,
) -> int:
    """Change an account: whether it is vetted, paused or closed, and its weight."""
    states = [pause is not None, resume, close is not None]
    is_or_fail(sum(states) <= 1, "only one of --pause, --resume and --close makes sense")
    is_or_fail(
        any(states) or vetted is not None or weight is not None, "there is nothing to change"
    )
    change = AccountChange(
        state="paused" if pause is not None else "closed" if close is not None
        else "active" if resume else None,
        reason=pause or close or "",
        is_vetted=vetted,
        weight=weight,
    )  # fmt: skip
    with host() as client:
        changed = client.change_pool_account(account, change)
    if is_json:
        print_json(changed)
    else:
        stdout().print(f"{changed.name} is {_state(changed)}.", markup=False)
    return Exit.OK


@command(
    "friends",
    examples=(
        ("two accounts serve each other", "athanor pool accounts friends anna bert"),
        ("no longer", "athanor pool accounts friends anna bert --end"),
    ),
    answer=AccountDetail,
)
@ACCOUNT
@click.argument("friend", metavar="FRIEND")
@click.option("--end", is_flag=True, help="They are friends no more.")
def friends(account: str, friend: str, end: bool, is_json: bool) -> int:
    """Make two accounts friends: their machines serve each other's requests as such."""
    request = FriendRequest(account=account, friend=friend, is_friend=not end)
    with host() as client:
        found = client.set_friends(request)
    if is_json:
        print_json(found)
    else:
        named = ", ".join(found.friends) or "nobody"
        stdout().print(f"Friends of {found.account.name}: {named}.", markup=False)
    return Exit.OK


@command(
    "project",
    examples=(
        ("a project with keys and limits of its own", "athanor pool accounts project anna website"),
        ("close it", "athanor pool accounts project anna website --close"),
    ),
    answer=ProjectPicture,
)
@ACCOUNT
@click.argument("name")
@click.option("--close", is_flag=True, help="Refuse its keys from now on.")
def project(account: str, name: str, close: bool, is_json: bool) -> int:
    """Make a project of an account, or close one."""
    with host() as client:
        if close:
            known = client.pool_account(account).projects
            found = [each.id for each in known if name in (each.name, each.id)]
            is_or_fail(bool(found), f"the account {account} has no project {name}")
            made = client.close_project(found[0])
        else:
            made = client.make_project(account, name)
    if is_json:
        print_json(made)
    else:
        verb = "Closed" if close else "Made"
        stdout().print(f"{verb} the project {made.name!r} ({made.id}).", markup=False)
    return Exit.OK


@command(
    "forget",
    examples=(("somebody who wants to be forgotten", "athanor pool accounts forget bert --yes"),),
    answer=AccountPicture,
)
@ACCOUNT
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(account: str, yes: bool, is_json: bool) -> int:
    """Close an account and drop all that says who it was.

    Names, friends, rows of usage and addresses go; its keys and machines are refused. The books and
    receipts stay, under an id that names nobody: others' balances rest on them.
    """
    if not yes:
        click.confirm(f"Forget {account}? This cannot be taken back.", abort=True, err=True)
    with host() as client:
        forgotten = client.forget_pool_account(account)
    if is_json:
        print_json(forgotten)
    else:
        stdout().print(f"{account} is forgotten; the books know {forgotten.id}.", markup=False)
    return Exit.OK


for _subcommand in (list_, add, show, set_, friends, project, forget):
    accounts.add_command(_subcommand)


def _row(each: AccountPicture) -> tuple[str, ...]:
    return (
        each.name,
        each.state,
        amount(each.balance),
        amount(each.held),
        amount(each.owed),
        str(each.machines),
        str(each.keys),
        "yes" if each.is_vetted else "",
        each.id,
    )


def _state(account: AccountPicture) -> str:
    reason = f" ({account.reason})" if account.reason else ""
    vetted = ", vetted" if account.is_vetted else ""
    return f"{account.state}{reason}{vetted}, weight {account.weight}"


def _print_detail(found: AccountDetail) -> None:
    console, account, now = stdout(), found.account, time.time()
    lots = ", ".join(f"{amount(value)} {source}" for source, value in found.credits.items())
    rows = [
        ("account", f"{account.name} ({account.id})"),
        ("state", _state(account)),
        ("made", f"{duration(now - account.made_at)} ago"),
        ("balance", f"{amount(account.balance)} credits{f' ({lots})' if lots else ''}"),
        ("held", amount(account.held)),
    ]
    if account.owed:
        rows.append(("owed", amount(account.owed)))
    rows += [("project", f"{p.name} ({p.id}){' closed' if p.closed_at else ''}")
             for p in found.projects]  # fmt: skip
    rows += [("key", f"{k.name} {k.shown}… of {k.project}") for k in found.keys if k.is_live]
    rows += [("machine", f"{m.name} {'connected' if m.is_connected else 'away'}")
             for m in found.machines if m.removed_at is None]  # fmt: skip
    rows += [("friend", name) for name in found.friends]
    rows += [("limit", limit_words(each.measure, each.period, each.amount, each.used))
             for each in found.limits]  # fmt: skip
    for label, words in rows:
        console.print(f"{label:<9}{words}", markup=False, soft_wrap=True)


def limit_words(measure: str, period: str, most: int, used: int) -> str:
    """A limit in a line, such as "5 of 600 requests a minute"."""
    worth = amount if measure == "credits" else "{:,}".format
    return f"{worth(used)} of {worth(most)} {measure} a {period}"
