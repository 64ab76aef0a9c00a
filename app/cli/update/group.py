"""`athanor update`: new versions of Athanor itself. Each command has a file of its own."""

from typing import Final, final

import rich_click

from app.cli.lazy import LazyGroup

COMMANDS: Final[dict[str, str]] = {
    "status": "app.cli.update.status:status",
    "check": "app.cli.update.status:check",
    "install": "app.cli.update.install:install",
    "rollback": "app.cli.update.rollback:rollback",
}
"""Each command and where it is written, in the order of the help."""


@final
class _Update(LazyGroup):
    COMMANDS = COMMANDS


@rich_click.group("update", cls=_Update)
def update() -> None:
    """Look for new versions of Athanor, install them, and go back.

    The setting updates.daily says what is done by itself; a restart never is.
    """
