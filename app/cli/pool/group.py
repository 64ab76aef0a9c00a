"""`athanor pool`: hosting a pool, and belonging to one. Each command has a file of its own."""

from typing import Final, final

import rich_click

from app.cli.lazy import LazyGroup

COMMANDS: Final[dict[str, str]] = {
    "join": "app.cli.pool.membership:join",
    "status": "app.cli.pool.membership:status",
    "market": "app.cli.pool.membership:market",
    "quote": "app.cli.pool.membership:quote",
    "leave": "app.cli.pool.membership:leave",
    "serve": "app.cli.pool.serve:serve",
    "stop": "app.cli.pool.stop:stop",
    "open": "app.cli.pool.open_pages:open_",
    "overview": "app.cli.pool.books:overview",
    "accounts": "app.cli.pool.accounts:accounts",
    "invite": "app.cli.pool.invite:invite",
    "invites": "app.cli.pool.invite:invites",
    "machines": "app.cli.pool.machines:machines",
    "models": "app.cli.pool.models:models",
    "prices": "app.cli.pool.models:prices",
    "keys": "app.cli.pool.keys:keys",
    "limits": "app.cli.pool.books:limits",
    "grant": "app.cli.pool.grant:grant",
    "clawback": "app.cli.pool.grant:clawback",
    "usage": "app.cli.pool.books:usage",
    "audit": "app.cli.pool.books:audit",
}
"""Each command and where it is written, in the order of the help."""


@final
class _Pool(LazyGroup):
    COMMANDS = COMMANDS


@rich_click.group("pool", cls=_Pool)
def pool() -> None:
    """Host a pool of machines that share their models, or join one.

    Members earn credits with what they lend and spend them on what others lend.
    """
