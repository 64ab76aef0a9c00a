"""The dashboard's part of the local API: how a browser is let in.

    POST /local/dashboard      -> DashboardLink

Needs the same key as all of wire/local.py.
"""

from app.wire.local import LocalMessage


class DashboardLink(LocalMessage, frozen=True, kw_only=True):
    """Signs one browser in, once."""

    path: str
    """On the server that was asked, with a code that is worth a session: show it to its owner."""
    seconds: float
    """How long it works."""

    def __repr__(self) -> str:
        return "<DashboardLink>"

    __str__ = __repr__
