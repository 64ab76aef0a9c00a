"""Whether this copy can learn of new versions, and how the last change of version went."""

import platform
import sys
from urllib.parse import urlsplit

from app import __version__
from app.cli.doctor.finding import Finding, Findings
from app.core.release.keys import Publisher
from app.core.release.manifest import system_of
from app.core.release.trial import Memory, standing_of
from app.settings.update_schema import UpdateSettings

_OTHERWISE = "Get new versions where you got this one."


def check_updates(publisher: Publisher, settings: UpdateSettings, memory: Memory) -> Findings:
    """Whether a new version would be looked for and believed, and whether this one works."""
    address = settings.address or publisher.address
    if not publisher.key:
        yield _note(
            "updates are off: this copy of Athanor was built without its publisher's keys",
            _OTHERWISE,
        )
    elif not address:
        yield _note(
            "updates are off: nobody says where new versions are announced",
            "The setting updates.address names a place.",
        )
    elif settings.daily == "off":
        yield _note("nobody is asked for new versions: the setting updates.daily is off", "")
    else:
        system = system_of(sys.platform, platform.machine())
        names = " or ".join(key.id for key in publisher.key)
        host = urlsplit(address).netloc.rpartition("@")[2]
        message = f"new versions for {system} come from {host}, signed by {names}"
        yield Finding(about="updates", verdict="ok", message=message)
    yield from _trial(memory)


def _trial(memory: Memory) -> Findings:
    if memory.fallen:
        yield _note(f"Athanor {memory.fallen} did not start here and was taken back", "")
    if memory.trial is not None and standing_of(memory, __version__) == "failing":
        yield Finding(
            about="updates",
            verdict="wrong",
            message=f"Athanor {__version__} was started {memory.trial.starts} times and has never "
            "served",
            remedy=f"`athanor update rollback` goes back to {memory.trial.previous}.",
        )


def _note(message: str, remedy: str) -> Finding:
    return Finding(about="updates", verdict="note", message=message, remedy=remedy)
