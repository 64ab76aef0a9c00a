"""Face: what shows the tray on one system; the tray itself knows no other way to be seen."""

from collections.abc import Callable
from typing import Protocol

from app.tray.look.actions import Action
from app.tray.look.look import Look
from app.tray.look.toasts import Toast

Perform = Callable[[Action], None]
"""Called on the face's thread by a click; returns at once."""

Seen = Callable[[bool], None]
"""Called on the face's thread: whether somebody can see the icon, when that is first known and
whenever it changes."""


class Face(Protocol):
    """One icon with its menu. `run` has the main thread; the other calls come from any thread."""

    def run(self, perform: Perform, seen: Seen) -> None:
        """Be there until `stop`, or until the desktop is gone."""

    def show(self, look: Look) -> None:
        """Show this from now on. Calls before `run` and after its end are kept or ignored."""

    def notify(self, toast: Toast) -> None:
        """Show it where the system can; a click on it opens the dashboard."""

    def stop(self) -> None:
        """End `run`."""
