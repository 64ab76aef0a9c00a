"""`athanor dashboard`: the dashboard in a browser, signed in."""

import os
import sys
import webbrowser
from collections.abc import Mapping

import click
import msgspec

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.server import running

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


class DashboardOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A link that signs one browser in, within two minutes."""

    link: str
    was_opened: bool

    def __repr__(self) -> str:
        return "<DashboardOpened>"

    __str__ = __repr__


@command(
    "dashboard",
    examples=(
        ("open it in the browser", "athanor dashboard"),
        ("print the link, for a browser of your choice", "athanor dashboard --no-browser"),
        ("begin with the models", "athanor dashboard models"),
    ),
    answer=DashboardOpened,
)
@click.argument("page", required=False, default="")
@click.option("--no-browser", is_flag=True, help="Print the link and open nothing.")
def dashboard(page: str, no_browser: bool, is_json: bool) -> int:
    """Open the dashboard of the running server, signed in.

    The link works once and for two minutes; the browser that opens it may change things from then
    on. PAGE is a page's name as it stands in its address, such as models or settings.
    """
    with running() as client:
        link = client.dashboard_link(page)
    was_opened = not no_browser and has_screen(os.environ, sys.platform) and webbrowser.open(link)
    if is_json:
        print_json(DashboardOpened(link=link, was_opened=was_opened))
    elif was_opened:
        note("The dashboard opens in your browser.")
    else:
        stdout().print(link, markup=False, soft_wrap=True, highlight=False)
    return Exit.OK


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser with windows can be opened: without a screen Python would find one of text,
    in this very terminal.
    """
    return platform in ("win32", "darwin") or any(environment.get(name) for name in _SCREENS)
