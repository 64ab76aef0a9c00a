"""Whether this copy of the program can learn of new versions, and from whom."""

import platform
import sys
from urllib.parse import urlsplit

from app.cli.doctor.finding import Finding, Findings
from app.core.release.keys import Publisher
from app.core.release.manifest import system_of


def check_updates(publisher: Publisher) -> Findings:
    """Whether there are keys by which a new version would be believed."""
    if not publisher.key:
        yield Finding(
            about="updates",
            verdict="note",
            message="updates are off: this copy of Athanor was built without its publisher's keys",
            remedy="Get new versions where you got this one.",
        )
        return
    system = system_of(sys.platform, platform.machine())
    names = " or ".join(key.id for key in publisher.key)
    yield Finding(
        about="updates",
        verdict="ok",
        message=f"new versions for {system} come from {urlsplit(publisher.address).netloc}, "
        f"signed by {names}",
    )
