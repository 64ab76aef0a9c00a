"""`athanor pool invite` and `athanor pool invites`: how others come into the hosted pool."""

import io
import sys
import time

import click
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.pool.host import CREDITS, amount, host, is_or_fail
from app.core.state.view import duration
from app.wire.pool_keys import (
    InviteFor,
    InviteList,
    InviteMade,
    InvitePicture,
    InviteRequest,
)

_MAKES = {
    "account": "Whoever joins with it gets an account of its own",
    "device": "The machine that joins with it belongs to that account",
    "friend": "Whoever joins with it and that account serve each other as friends",
}


@command(
    "invite",
    examples=(
        ("for a friend, with credits to begin with", "athanor pool invite bert --credits 5"),
        ("for one more machine of Anna's", "athanor pool invite --device-of anna"),
        ("for ten friends of Anna's", "athanor pool invite --friend-of anna --uses 10 --days 1"),
    ),
    answer=InviteMade,
)  # fmt: skip
@click.argument("name", metavar="[NAME]", default="")
@click.option("--credits", "credits_", type=CREDITS, default="0", metavar="CREDITS",
              help="Granted to each account that it makes.")  # fmt: skip
@click.option("--device-of", metavar="ACCOUNT", help="For a machine of this account.")
@click.option("--friend-of", metavar="ACCOUNT", help="For a friend of this account.")
@click.option("--uses", type=click.IntRange(1, 10_000), default=1, help="How often; once.")
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=7.0,
              help="Useless after so many days; 7.")  # fmt: skip
@click.option("--no-qr", is_flag=True, help="Print no QR code.")
def invite(
    *,
    name: str,
    credits_: int,
    device_of: str | None,
    friend_of: str | None,
    uses: int,
    days: float,
    no_qr: bool,
    is_json: bool,
) -> int:
    """Make an invite; its text is shown this once.

    NAME is that of the account that it makes; without one it takes the machine's. Whoever has the
    text can use it: send it to nobody else. The other end runs `athanor pool join`.
    """
    is_or_fail(not (device_of and friend_of), "an invite is for a machine or for a friend")
    kind: InviteFor = "device" if device_of else "friend" if friend_of else "account"
    request = InviteRequest(
        kind=kind,
        account=device_of or friend_of or "",
        name=name,
        credits=credits_,
        uses_max=uses,
        days=days,
    )
    with host() as client:
        made = client.make_invite(request)
    if is_json:
        print_json(made)
        return Exit.OK
    often = "once" if uses == 1 else f"{uses} times"
    left = duration(made.invite.expires_at - time.time())
    note(f"{_MAKES[kind]}. It works {often} and for {left}:")
    stdout().print(made.text, markup=False, soft_wrap=True, highlight=False)
    if sys.stdout.isatty():
        if not no_qr:
            sys.stdout.write(qr_text(made.qr))
        note(f"They run: athanor pool join {made.text[:24]}…")
    return Exit.OK


@rich_click.group("invites")
def invites() -> None:
    """List and take back invites of the pool that is hosted here."""


@command("list", examples=(("all invites", "athanor pool invites list"),), answer=InviteList)
def list_(is_json: bool) -> int:
    """List the invites, newest first; their texts are not stored."""
    with host() as client:
        found = client.invites()
    if is_json:
        print_json(InviteList(invites=found))
    elif not found:
        stdout().print("There are no invites. `athanor pool invite` makes one.")
    else:
        now = time.time()
        print_table(
            ("ID", "FOR", "OF", "NAME", "CREDITS>", "USED>", "STATE"),
            [_row(each, now) for each in found],
        )
    return Exit.OK


@command(
    "revoke",
    examples=(("take an invite back", "athanor pool invites revoke inv_0a1b2c3d4e5f"),),
    answer=InvitePicture,
)
@click.argument("invite_id", metavar="ID")
def revoke(invite_id: str, is_json: bool) -> int:
    """Take an invite back: it is useless from now on; who came by it stays."""
    with host() as client:
        revoked = client.revoke_invite(invite_id)
    if is_json:
        print_json(revoked)
    else:
        stdout().print(f"The invite {revoked.id} is useless now.", markup=False)
    return Exit.OK


for _subcommand in (list_, revoke):
    invites.add_command(_subcommand)


def qr_text(text: str) -> str:
    """A QR code of half blocks, for a terminal."""
    import segno  # noqa: PLC0415  # drawn by one command alone

    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=drawn, compact=True)
    return drawn.getvalue()


def _row(each: InvitePicture, now: float) -> tuple[str, ...]:
    if each.is_live:
        state = f"for {duration(each.expires_at - now)}"
    else:
        state = "taken back" if each.revoked_at is not None else (
            "used" if each.uses >= each.uses_max else "expired"
        )  # fmt: skip
    used = f"{each.uses}/{each.uses_max}"
    return (each.id, each.kind, each.account, each.name, amount(each.credits), used, state)
