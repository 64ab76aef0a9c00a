"""Idle: the loop of an engine without weights, which only waits until it may end.

What such an engine is asked is answered by the threads that prepare requests elsewhere.
"""

from typing import final

from app.engine.inbox import Closing, Inbox


@final
class IdleLoop:
    """Serves nothing until told to close."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def run(self) -> None:
        """Wait for the end."""
        while not isinstance(self._inbox.get(), Closing):
            pass
