"""`athanor update status` and `check`: what is known of new versions, and what is known after
asking.
"""

import time

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.server import running, running_or_own
from app.core.state.view import duration
from app.wire.update import UpdatePicture


@command(
    "status",
    examples=(("is there a new version?", "athanor update status"),),
    answer=UpdatePicture,
)
def status(is_json: bool) -> int:
    """Show what is known of new versions; nobody is asked."""
    with running() as client:
        picture = client.update()
    _show(picture, is_json=is_json)
    return Exit.OK


@command(
    "check",
    examples=(("look for a new version now", "athanor update check"),),
    answer=UpdatePicture,
)
def check(is_json: bool) -> int:
    """Ask the publisher for a new version now, whatever the settings say of every day.

    Nothing is fetched or installed. The exit code is 1 where the answer is not believed.
    """
    with running_or_own() as client:
        picture = client.look_for_update()
    _show(picture, is_json=is_json)
    return Exit.OK


def _show(picture: UpdatePicture, *, is_json: bool) -> None:
    if is_json:
        print_json(picture)
        return
    out = stdout()
    out.print(f"Athanor {picture.running} is running.", markup=False)
    out.print(picture.words, markup=False, soft_wrap=True)
    if picture.notes:
        out.print(f"\n{picture.notes.strip()}\n", markup=False, soft_wrap=True)
    if picture.remedy:
        note(picture.remedy)
    if picture.status in {"offered", "ready"} and not picture.command:
        note("`athanor update install` restarts the server with it.")
    if picture.back:
        note(f"`athanor update rollback` goes back to {picture.back}.")
    if picture.looked_at is not None:
        ago = duration(max(0.0, time.time() - picture.looked_at))
        note(f"Last asked {ago} ago.")
