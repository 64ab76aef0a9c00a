"""The local API's part about new versions of Athanor itself.

    GET    /local/update           -> UpdatePicture
    POST   /local/update/look      -> UpdatePicture, after somebody was asked now
    POST   /local/update/fetch     -> UpdatePicture, when the new version is here and checked
    POST   /local/update/install   InstallRequest -> UpdatePicture; then the server restarts
    POST   /local/update/back      InstallRequest -> UpdatePicture; the same, to the version before

The rules of wire/local.py hold here too.
"""

from typing import Literal

import msgspec


class UpdateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of these Structs. Defaults are written out: scripts read this JSON."""


class UpdatePicture(UpdateMessage, frozen=True, kw_only=True):
    """What is known of new versions. Times are seconds since 1970, sizes bytes."""

    running: str
    """The version that answers."""
    status: Literal[
        "off",
        "unasked",
        "newest",
        "offered",
        "fetching",
        "ready",
        "restarting",
        "blocked",
        "failed",
    ]
    words: str
    """How it stands, in a sentence."""
    version: str = ""
    """The newer version; "" where none is known."""
    notes: str = ""
    remedy: str = ""
    command: str = ""
    """What the owner types to install it; "" where a restart does."""
    size_bytes: int = 0
    done_bytes: int = 0
    looked_at: float | None = None
    back: str = ""
    """The version that one can go back to."""
    fallen: str = ""
    """A version that did not start here and was taken back."""


class InstallRequest(UpdateMessage, frozen=True, kw_only=True):
    """Restart for another version."""

    now: bool = False
    """Also while answers are under way; they have the server's grace to end."""
