"""Starting with the computer, on the local API.

    GET /local/autostart       -> AutostartPicture
    PUT /local/autostart       AutostartRequest -> AutostartPicture

Needs the same key as all of wire/local.py.
"""

from app.wire.local import LocalMessage


class AutostartRequest(LocalMessage, frozen=True, kw_only=True):
    """How the switch shall stand."""

    enabled: bool


class AutostartPicture(LocalMessage, frozen=True, kw_only=True):
    """Whether Athanor starts when this user logs in."""

    enabled: bool
    where: str
    """The file, or the value of the registry, that makes the system start it."""
    command: str
    """What is started: the tray, which starts the server."""
