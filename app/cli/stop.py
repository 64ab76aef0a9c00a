"""`athanor stop`: end the server of this user."""

from typing import Final

import click
import msgspec

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.server import running
from app.client.errors import ServerSilent
from app.client.process import kill, wait_gone

_AFTER_GRACE_SECONDS: Final = 5.0
"""A server ends engines and closes its database after the grace."""


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The server has ended."""

    pid: int
    was_forced: bool


@command(
    "stop",
    examples=(
        ("let running answers finish, then end", "athanor stop"),
        ("end a server that hangs", "athanor stop --force"),
    ),
    answer=Stopped,
)
@click.option("--force", is_flag=True, help="Kill the server if it does not end by itself.")
def stop(force: bool, is_json: bool) -> int:
    """Stop the server: running answers may finish, engines end, then the server does."""
    with running() as client:
        pid = client.lock.pid
        try:
            grace_seconds = client.stop().grace_seconds
        except ServerSilent:
            if not force:
                raise
            grace_seconds = -_AFTER_GRACE_SECONDS
        if grace_seconds > 0 and not is_json:
            note(f"Stopping; answers under way have {grace_seconds:g} s to finish.")
    is_gone = wait_gone(pid, grace_seconds + _AFTER_GRACE_SECONDS)
    if not is_gone and not force:
        raise ServerSilent(
            f"the server (process {pid}) has not ended",
            remedy="`athanor stop --force` ends it at once.",
        )
    if not is_gone:
        kill(pid)
    if is_json:
        print_json(Stopped(pid=pid, was_forced=not is_gone))
    else:
        stdout().print("The server was killed." if not is_gone else "The server has stopped.")
    return Exit.OK
