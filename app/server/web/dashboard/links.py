"""Links: single-use codes by which the owner's browser is let in.

The tray or the terminal, who hold the lock file's token, ask for a code and open a browser with it.
The code is in an address, which a process list may show for a moment, so it is worth little: it
lives for two minutes and opens once. Should it come a second time from somebody else, then one of
the two was not the owner: the session that it opened is ended.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from typing import Final, Literal, final

CODE_SECONDS: Final = 120.0
"""Time enough for a browser that has to be started first."""
USED_SECONDS: Final = 600.0
"""So long is a used code remembered, to notice when it comes again."""
CODES_MAX: Final = 32


@final
class Link:
    """One code that was given out."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.session: str | None = None
        """What it opened; None: it was not used yet."""
        self.turn = asyncio.Lock()
        """Held by who comes with the code: of two at one time the second finds it used."""

    def __repr__(self) -> str:
        return "<Link>"


@final
class Links:
    """The codes of one server, in memory. `now` is seconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._links: dict[bytes, Link] = {}

    def make(self) -> str:
        """A new code."""
        now = self._now()
        for digest, link in list(self._links.items()):
            if now > link.ends + USED_SECONDS:
                del self._links[digest]
        while len(self._links) >= CODES_MAX:
            del self._links[next(iter(self._links))]
        code = secrets.token_urlsafe(24)
        self._links[_digest(code)] = Link(now + CODE_SECONDS)
        return code

    def find(self, code: str) -> Link | Literal["unknown", "late"]:
        """The link of a code. One that was used has its session; "late": its time is over."""
        link = self._links.get(_digest(code))
        if link is None:
            return "unknown"
        if link.session is None and self._now() > link.ends:
            return "late"
        return link


def _digest(code: str) -> bytes:
    # Looked up by its hash, so that the time of the search tells nothing of other codes.
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
