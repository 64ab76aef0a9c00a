"""Links of our own kind, `athanor://...`, on the local API.

    POST /local/links          LinkRequest -> DashboardLink

Needs the same key as all of wire/local.py. A link comes from anywhere, a page of the web too: it
opens a page of the dashboard and does nothing.
"""

from typing import Final

from app.wire.local import LocalMessage

SCHEME: Final = "athanor"
LINK_LENGTH_MAX: Final = 2000
"""An invite has at most a few hundred characters."""


class LinkRequest(LocalMessage, frozen=True, kw_only=True):
    """What was opened. It may hold an invite, which opens a door."""

    link: str

    def __repr__(self) -> str:
        return "<LinkRequest>"

    __str__ = __repr__
