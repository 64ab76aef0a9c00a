"""`athanor pool`: hosting a pool, and belonging to one. Each command has a file of its own."""

from typing import Final, final

import rich_click

from app.cli.lazy import LazyGroup

COMMANDS: Final[dict[str, str]] = {}
"""Each command and where it is written, in the order of the help."""


@final
class _Pool(LazyGroup):
    COMMANDS = COMMANDS


@rich_click.group("pool", cls=_Pool)
def pool() -> None:
    """Host a pool of machines that share their models, or join one.

    Members earn credits with what they lend and spend them on what others lend.
    """
