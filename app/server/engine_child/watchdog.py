"""Watchdog: notices that a child which owes something has fallen silent.

One timer, set when something begins to be owed and set again when it fires too early. Hearing
from the child costs one assignment, since it happens for every token.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

LATE_SECONDS: Final = 1.0
"""Who looks so much later than was planned did not run in between."""


@final
class Watchdog:
    """Watches one child on one event loop.

    `patience` says how many seconds of silence are too many now, None when nothing is owed;
    `on_silence` is called once, with that number.
    """

    def __init__(
        self,
        patience: Callable[[], float | None],
        on_silence: Callable[[float], None],
        *,
        late_seconds: float = LATE_SECONDS,
    ) -> None:
        self._patience = patience
        self._on_silence = on_silence
        self._late_seconds = late_seconds
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """The child got on with its work."""
        self._heard_at = self._loop.time()

    def expect(self) -> None:
        """From now on something is owed, and nothing was before: silence counts from here."""
        patience = self._patience()
        assert patience is not None, "something is owed"
        self.close()
        self.heard()
        self._timer = self._loop.call_later(patience, self._check)

    def close(self) -> None:
        """Watch no more, until something is expected again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        assert self._timer is not None, "it calls this"
        late = self._loop.time() - self._timer.when()
        self._timer = None
        patience = self._patience()
        if patience is None:
            return
        if late > self._late_seconds:
            # It was this process that stood still: the computer slept, or somebody stopped it. What
            # the child said meanwhile is not read yet.
            self.heard()
        deadline = self._heard_at + patience
        if self._loop.time() >= deadline:
            self._on_silence(patience)
        else:
            self._timer = self._loop.call_at(deadline, self._check)
