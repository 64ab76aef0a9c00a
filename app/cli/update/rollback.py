"""`athanor update rollback`: the version before, again; also where no server starts any more."""

import click

from app import __version__
from app.cli.command import command
from app.cli.output import note
from app.cli.server import running
from app.cli.update.install import tell_restarted
from app.client.errors import NoServer
from app.client.restarted import Restarted, wait_for_successor
from app.core.base.errors import UpdateFailed
from app.core.release.trial import left
from app.installation.back import find_back
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import place_of
from app.settings.paths import Paths
from app.settings.program import Program


@command(
    "rollback",
    examples=(("go back to the version before", "athanor update rollback"),),
    answer=Restarted,
)
@click.option("--now", "is_now", is_flag=True, help="Also while answers are under way.")
def rollback(is_now: bool, is_json: bool) -> int:
    """Go back to the version that ran before this one; this one is not offered again.

    Works without a running server too, so that a version that does not start can be left. One
    version is kept.
    """
    paths = Paths.find()
    try:
        client = running()
    except NoServer:
        version = _put_back(paths)
        if not is_json:
            note(f"Athanor {version} is in its place again; `athanor serve` starts it.")
        return tell_restarted(
            Restarted(wanted=version, version=version, is_there=True), is_json=is_json
        )
    with client:
        picture = client.go_back(now=is_now)
        ended = client.lock
    return tell_restarted(wait_for_successor(ended, picture.version, paths), is_json=is_json)


def _put_back(paths: Paths) -> str:
    """The version before, in its place again, where no server runs. Raises: UpdateFailed."""
    memory, place = MemoryFile(paths.updates_file), place_of(Program.of_this())
    back = find_back(memory.read(), place, Kept(paths.updates), running=__version__)
    # Before all else: a package is the owner's to install, who is done with this version.
    memory.change(lambda memory: left(memory, __version__))
    if back.file is not None and (command := place.command(back.file, is_back=True)):
        raise UpdateFailed(f"`{command}` goes back to Athanor {back.version}")
    place.put_back(back.file, back.version)
    return back.version
