"""`athanor links`: whether the system opens `athanor://` links with this program."""

import click
import msgspec

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, stdout
from app.settings.links.links import LinkState, LinkSwitch

_ACTIONS = ("on", "off", "status")


class LinksPicture(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a link opens this program."""

    enabled: bool
    where: str
    """The file, or the key of the registry, that says it."""
    command: str
    """What opens a link; the link follows as its last word."""


@command(
    "links",
    examples=(
        ("do links open Athanor?", "athanor links status"),
        ("from now on", "athanor links on"),
        ("no more", "athanor links off"),
    ),
    answer=LinksPicture,
)
@click.argument("action", metavar="{on|off|status}", type=click.Choice(_ACTIONS))
def links(action: str, is_json: bool) -> int:
    """Open athanor:// links, invites among them, with this program; installers do it by themselves.

    For this user alone, without special rights. Works without a server. A link does nothing by
    itself: it opens a page, and an invite asks there before it joins.
    """
    switch = LinkSwitch.of_this()
    state = switch.state() if action == "status" else switch.turn(on=action == "on")
    if is_json:
        print_json(LinksPicture(enabled=state.is_on, where=state.where, command=state.command))
    else:
        stdout().print(_words(state), markup=False, soft_wrap=True)
    return Exit.OK


def _words(state: LinkState) -> str:
    if not state.is_on:
        return "athanor:// links do not open this program."
    return f"athanor:// links open this program.\n  {state.command}\n  because of {state.where}"
