"""Time and chance of the simulation: a heap of what comes next, under one seed.

Every callback is one step. Times are microseconds since the beginning.
"""

import heapq
from collections.abc import Callable
from random import Random

MS = 1_000
SECOND = 1_000_000


class Clock:
    """What comes next. `after` takes the life of whoever asks, so that the dead do nothing."""

    def __init__(self, seed: int) -> None:
        self.now = 0
        self.random = Random(seed)
        self.steps = 0
        self._order = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []

    @property
    def seconds(self) -> float:
        """Of the clock that never jumps."""
        return self.now / SECOND

    def at(self, time: int, call: Callable[[], None]) -> None:
        """Call it then, or now where that has passed."""
        self._order += 1
        heapq.heappush(self._heap, (max(time, self.now), self._order, call))

    def after(self, microseconds: int, call: Callable[[], None]) -> None:
        """Call it so much later."""
        self.at(self.now + max(0, microseconds), call)

    def between(self, low_ms: float, high_ms: float) -> int:
        """Microseconds, by chance."""
        return int(self.random.uniform(low_ms, high_ms) * MS)

    def happens(self, chance: float) -> bool:
        """True as often as `chance` says."""
        return self.random.random() < chance

    def step(self) -> bool:
        """The next thing; False when nothing comes any more."""
        if not self._heap:
            return False
        self.now, _, call = heapq.heappop(self._heap)
        self.steps += 1
        call()
        return True
