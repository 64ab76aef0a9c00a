"""Gauges: how busy the engine is, told often enough to watch and seldom enough to cost nothing."""

from collections.abc import Callable
from typing import Final, final

from app.core.scheduling.scheduler import Occupancy
from app.wire.engine import Gauges

REPORT_SECONDS: Final = 0.5


@final
class Meter:
    """Counts since the start of the engine."""

    def __init__(self, cells: int) -> None:
        self.cached_tokens = 0
        self.completion_tokens = 0
        self._cells = cells
        self._prompt_tokens = 0
        self._decode_calls = 0
        self._busy_seconds = 0.0
        self._reported_at = float("-inf")
        self._was_idle = True

    def count(self, prompt_tokens: int, seconds: float) -> None:
        """A step with so many tokens of prompts was computed in `seconds`."""
        self._decode_calls += 1
        self._busy_seconds += seconds
        self._prompt_tokens += prompt_tokens

    def report(
        self, now: float, occupancy: Callable[[], Occupancy], *, is_idle: bool
    ) -> Gauges | None:
        """Gauges when they are due: on a rhythm while busy, and at once when work begins or ends.

        A turn at rest changes nothing, so nothing is told twice.
        """
        turned = is_idle != self._was_idle
        if not turned and (is_idle or now - self._reported_at < REPORT_SECONDS):
            return None
        self._reported_at = now
        self._was_idle = is_idle
        full = occupancy()
        return Gauges(
            running=full.running,
            waiting=full.waiting,
            parked=full.parked,
            kept=full.kept,
            cells_used=full.cells_used,
            cells=self._cells,
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self.cached_tokens,
            completion_tokens=self.completion_tokens,
            decode_calls=self._decode_calls,
            busy_seconds=self._busy_seconds,
        )
