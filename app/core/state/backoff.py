"""Backoff: how long to leave alone what has failed, by key, as a value.

The first failure may be tried again at once; each further one within `reset_seconds` of the last
doubles the wait, up to a cap. Old failures are forgotten by time, not by success: an engine that
one request of a hundred kills succeeds ninety-nine times in between.
"""

from typing import Self, final

import msgspec
from msgspec.structs import replace

from app.core.state.engine_life import Picture


@final
class Spell(Picture, frozen=True, kw_only=True):
    """Failures of one key that follow each other closely."""

    failures: int
    last_at: float
    retry_at: float


@final
class Backoff(Picture, frozen=True, kw_only=True):
    """Failures by key. Times are the caller's clock, in seconds."""

    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    reset_seconds: float = 600.0
    spells: dict[str, Spell] = msgspec.field(default_factory=dict)

    def failed(self, key: str, now: float) -> Self:
        """After one more failure of `key` at `now`."""
        spell = self.spells.get(key)
        recent = spell is not None and now - spell.last_at < self.reset_seconds
        failures = spell.failures + 1 if spell is not None and recent else 1
        new = Spell(failures=failures, last_at=now, retry_at=now + self._delay(failures))
        return replace(self, spells={**self.spells, key: new})

    def forgiven(self, key: str) -> Self:
        """As if `key` had never failed."""
        return replace(self, spells={k: spell for k, spell in self.spells.items() if k != key})

    def retry_at(self, key: str) -> float:
        """The time before which `key` is left alone; 0.0 when it has not failed."""
        spell = self.spells.get(key)
        return 0.0 if spell is None else spell.retry_at

    def failures(self, key: str) -> int:
        """Failures in a row."""
        spell = self.spells.get(key)
        return 0 if spell is None else spell.failures

    def _delay(self, failures: int) -> float:
        if failures == 1:
            return 0.0
        doublings = min(failures - 2, 30)  # 2**30 seconds is past any cap, and floats stay exact
        return min(self.cap_seconds, self.base_seconds * 2.0**doublings)
