"""PendingInvite: an invite that a link brought and that its owner has not answered yet.

It waits here, in memory, and not in the address of a page: whoever has an invite can use it, and
addresses stand in histories and logs.
"""

from collections.abc import Callable
from typing import Final, final

KEPT_SECONDS: Final = 900.0
"""Long enough to read the page and ask who invited; a link can be opened again."""


@final
class PendingInvite:
    """At most one: the link that was opened last. `now` is a clock that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._text = ""
        self._ends = 0.0

    @property
    def text(self) -> str:
        """The invite; "" where none waits."""
        return self._text if self._now() < self._ends else ""

    def put(self, text: str) -> None:
        """It waits from now on, in the place of one before it."""
        self._text, self._ends = text, self._now() + KEPT_SECONDS

    def clear(self) -> None:
        """It was answered."""
        self._text = ""

    def __repr__(self) -> str:
        return "<PendingInvite>"
