"""`athanor tray` as the command line knows it: help and mistakes.

A start with right words never comes here (app/__main__.py): a process that stays for the whole
session need not hold the command line's libraries.
"""

import click

from app.cli.command import command


@command(
    "tray",
    examples=(
        ("the icon, and the dashboard in the browser", "athanor tray"),
        ("as the computer's start does it", "athanor tray --background"),
    ),
)
@click.option("--background", is_flag=True, help="Open no page: for starting with the computer.")
@click.option("--link", is_flag=True, help="Open the athanor:// link that comes on stdin.")
@click.option(
    "--home",
    metavar="PATH",
    default="",
    help="Keep all files in this folder, as ATHANOR_HOME does.",
)
def tray(background: bool, link: bool, home: str) -> int:
    """Show Athanor in the tray, and start the server where none runs.

    The menu loads and unloads models, frees memory and opens the dashboard. Quit ends the server
    if the tray started it. Where the desktop has no tray, this is said, and the dashboard opens.
    """
    from app.tray.command_line import TrayFlags  # noqa: PLC0415  # not for --help
    from app.tray.main import main  # noqa: PLC0415  # not for --help

    return main(TrayFlags(is_background=background, has_link=link, home=home))
