"""`athanor pool open`: the pages of the hosted pool in a browser, signed in."""

import os
import sys
import webbrowser

import click

from app.cli.command import command
from app.cli.dashboard import DashboardOpened, has_screen
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.pool.host import host


@command(
    "open",
    examples=(
        ("the pool's pages in the browser", "athanor pool open"),
        ("print the link, for a browser of your choice", "athanor pool open --no-browser"),
    ),
    answer=DashboardOpened,
)
@click.argument("page", required=False, default="")
@click.option("--no-browser", is_flag=True, help="Print the link and open nothing.")
def open_(page: str, no_browser: bool, is_json: bool) -> int:
    """Open the pages of the pool that is hosted here, signed in.

    The link works once and for two minutes. PAGE is a page's name as it stands in its address,
    such as accounts or invites.
    """
    with host() as client:
        link = client.dashboard_link(page)
    was_opened = not no_browser and has_screen(os.environ, sys.platform) and webbrowser.open(link)
    if is_json:
        print_json(DashboardOpened(link=link, was_opened=was_opened))
    elif was_opened:
        note("The pool's pages open in your browser.")
    else:
        stdout().print(link, markup=False, soft_wrap=True, highlight=False)
    return Exit.OK
