"""Pace: how large a prompt chunk may ride with those who are being answered.

A step takes as long as its slowest part, so a large chunk makes every stream stutter, and a small
one wastes the batch. The chunk is what fits `RIDE_SECONDS` at the speed last seen.
"""

from typing import Final, final

RIDE_SECONDS: Final = 0.25
"""A stream that pauses this long still reads as flowing."""

CHUNK_MIN: Final = 32
SMOOTHING: Final = 0.3
PREFILL_TOKENS_MIN: Final = 16
"""Steps with fewer tokens measure the cost of a step, not of a token."""


@final
class Pace:
    """Learns prefill speed from finished steps."""

    def __init__(self) -> None:
        self._tokens_per_second = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """A step of `tokens` took `seconds`."""
        if tokens < PREFILL_TOKENS_MIN or seconds <= 0:
            return
        speed = tokens / seconds
        if self._tokens_per_second == 0:
            self._tokens_per_second = speed
        else:
            self._tokens_per_second += SMOOTHING * (speed - self._tokens_per_second)

    def chunk(self) -> int | None:
        """Prompt tokens that may ride along; None before anything was measured."""
        if self._tokens_per_second == 0:
            return None
        return max(CHUNK_MIN, int(self._tokens_per_second * RIDE_SECONDS))
