"""`athanor autostart`: whether Athanor starts with the computer."""

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, stdout
from app.settings.autostart.autostart import Autostart, Switch
from app.wire.autostart import AutostartPicture

_ACTIONS = ("on", "off", "status")


@command(
    "autostart",
    examples=(
        ("does it start with the computer?", "athanor autostart status"),
        ("from the next login on", "athanor autostart on"),
        ("no more", "athanor autostart off"),
    ),
    answer=AutostartPicture,
)
@click.argument("action", metavar="{on|off|status}", type=click.Choice(_ACTIONS))
def autostart(action: str, is_json: bool) -> int:
    """Start the tray, and with it the server, when you log in; off until you ask for it.

    For this user alone, without special rights. Works without a server.
    """
    switch = Switch.of_this()
    state = switch.state() if action == "status" else switch.turn(on=action == "on")
    if is_json:
        picture = AutostartPicture(enabled=state.is_on, where=state.where, command=state.command)
        print_json(picture)
    else:
        stdout().print(_words(state), markup=False, soft_wrap=True)
    return Exit.OK


def _words(state: Autostart) -> str:
    if not state.is_on:
        return "Athanor does not start with the computer."
    return f"Athanor starts when you log in.\n  {state.command}\n  because of {state.where}"
