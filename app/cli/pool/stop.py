"""`athanor pool stop`: end the host of this user's pool."""

from typing import Final

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.pool.host import host
from app.cli.stop import Stopped
from app.client.errors import ServerSilent
from app.client.process import wait_gone

_AFTER_GRACE_SECONDS: Final = 25.0
"""Stopped workers answer, and the books are written and closed, after the grace."""


@command(
    "stop",
    examples=(("let running answers finish, then end the host", "athanor pool stop"),),
    answer=Stopped,
)
def stop(is_json: bool) -> int:
    """Stop the host: answers under way may finish, what was done is paid, then it ends."""
    with host() as client:
        pid = client.lock.pid
        grace_seconds = client.stop().grace_seconds
        if not is_json:
            note(f"Stopping; answers under way have {grace_seconds:g} s to finish.")
    if not wait_gone(pid, grace_seconds + _AFTER_GRACE_SECONDS):
        raise ServerSilent(
            f"the host (process {pid}) has not ended",
            remedy="Look into its log: `athanor pool serve` names it when it starts.",
        )
    if is_json:
        print_json(Stopped(pid=pid, was_forced=False))
    else:
        stdout().print("The host has stopped.")
    return Exit.OK
