"""`athanor open`: what the system runs when an `athanor://` link is opened.

The running server shows the page that the link is for; where none runs, the tray is started with
it. The link may be an invite, so it goes on by the local API or a pipe, and into no other process's
command line.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import msgspec

import app
from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.server import running
from app.client.errors import NoServer
from app.core.base.errors import RequestError
from app.settings.autostart.entry import program_of
from app.settings.environment import for_other_programs
from app.settings.paths import HOME_VARIABLE, spelled_out
from app.tray.command_line import LINK_FLAG
from app.tray.life.opening import has_display, open_on_screen
from app.wire.link import LINK_LENGTH_MAX, SCHEME

_HOME_LINK: Final = f"{SCHEME}://"
_DETACHED: Final = 0x8 | 0x200 if sys.platform == "win32" else 0
"""subprocess.DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP, which exist on Windows alone."""


class LinkOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a link."""

    address: str
    """Of the page; it lets one browser in, once. Empty where the tray opens it."""
    was_opened: bool
    """A browser was asked to show it."""

    def __repr__(self) -> str:
        return "<LinkOpened>"

    __str__ = __repr__


@command(
    "open",
    examples=(
        ("the dashboard", "athanor open"),
        ("its page of models", "athanor open athanor://models"),
        ("an invite to a pool, which asks before it joins", "athanor open athanor://join/CODE"),
    ),
    answer=LinkOpened,
)
@click.argument("link", default="")
@click.option(
    "--home",
    metavar="PATH",
    default="",
    help="Keep all files in this folder, as ATHANOR_HOME does.",
)
def open_link(link: str, home: str, is_json: bool) -> int:
    """Open an athanor:// link: a page of the dashboard, or an invite, which asks before it joins.

    This is what the system runs for such links (athanor links on). Starts the tray, and with it
    the server, where none runs.
    """
    if home:
        os.environ[HOME_VARIABLE] = home
    link = link or _HOME_LINK
    if not link.lower().startswith(_HOME_LINK) or len(link) > LINK_LENGTH_MAX:
        raise RequestError("this is no link of Athanor's", remedy=f"Links begin with {_HOME_LINK}")
    try:
        with running() as client:
            address = client.open_link(link)
    except NoServer:
        if not has_display():
            raise
        _start_tray(link)
        address, was_opened = "", True
    else:
        was_opened = has_display() and open_on_screen(address)
    if is_json:
        print_json(LinkOpened(address=address, was_opened=was_opened))
    elif was_opened:
        note("It opens in your browser." if address else "Athanor starts, and opens it then.")
    else:
        stdout().print(address, markup=False, soft_wrap=True, highlight=False)
    return Exit.OK


def _start_tray(link: str) -> None:
    """A tray of its own life, which reads the link and opens it when the server serves."""
    is_frozen = bool(getattr(sys, "frozen", False))
    source = str(Path(app.__file__).resolve().parent.parent)
    launch = program_of(
        sys.executable,
        ("tray", LINK_FLAG),
        is_frozen=is_frozen,
        system="windows" if sys.platform == "win32" else "linux",
        source=source,
    )
    home = os.environ.get(HOME_VARIABLE, "")
    absolute = {HOME_VARIABLE: str(spelled_out(home).absolute())} if home else {}
    tray = subprocess.Popen(  # noqa: S603  # our own program
        launch.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=_DETACHED,
        cwd=launch.folder or None,
        env={**for_other_programs(os.environ, is_frozen=is_frozen), **absolute},
    )
    assert tray.stdin is not None
    with tray.stdin:
        tray.stdin.write(link.encode() + b"\n")
