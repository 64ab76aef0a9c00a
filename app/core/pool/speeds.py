"""Speeds: how fast a worker computes a model, by what was seen of it and never by what it says.

Each figure is a moving average: a new observation counts for `WEIGHT`, so ten answers tell most of
what there is to know and a worse hour is noticed within a few. Before anything was seen, the
model's size gives a guess that is neither a reward nor a punishment for being new.

Rule: what a device answered its own account counts for that account alone. It costs nothing and
nobody looks at it, so a machine could make itself look fast by asking itself.
"""

from collections.abc import Iterable
from typing import Final, final

import msgspec

from app.core.base.ids import DeviceId
from app.core.pool.jobs.effects import Observe

WEIGHT: Final = 0.2
PROMPT_TOKENS_MIN: Final = 32
"""Shorter prompts measure the network, not the prefill."""
DECODE_TOKENS_MIN: Final = 8
MS_PER_TOKEN_MIN: Final = 0.01
"""Nobody is faster than 100,000 tokens a second; a clock that jumped said so."""
MS_PER_TOKEN_MAX: Final = 60_000.0

GUESSED_SECONDS_PER_PARAMETER: Final = 1 / 60e9
"""Of a home GPU: a model of 6e9 parameters at ten tokens a second, until something is seen."""
GUESSED_MS_MIN: Final = 5.0
GUESSED_MS_MAX: Final = 500.0
PREFILL_FASTER: Final = 20
"""Times that reading a token of prompt takes less than saying one of answer, as a guess."""
GUESSED_LOAD_MS: Final = 20_000.0


@final
class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds, as observed."""

    prompt_ms: float
    """For one token of prompt."""
    answer_ms: float
    """For one token of answer."""
    load_ms: float
    """To have the model in memory, when it was not."""
    answers: int = 0
    """How many were seen: 0 is a guess."""


def guessed(parameters: int) -> Speed:
    """What to expect of a worker that nobody knows yet."""
    seconds = parameters * GUESSED_SECONDS_PER_PARAMETER
    answer_ms = min(max(1000 * seconds, GUESSED_MS_MIN), GUESSED_MS_MAX)
    return Speed(prompt_ms=answer_ms / PREFILL_FASTER, answer_ms=answer_ms, load_ms=GUESSED_LOAD_MS)


def observed(speed: Speed, seen: Observe) -> Speed:
    """The average after one more attempt; attempts that said nothing teach nothing."""
    if seen.tokens == 0 or seen.first_milliseconds <= 0:
        return speed
    prompt_ms, load_ms, answer_ms = speed.prompt_ms, speed.load_ms, speed.answer_ms
    if seen.is_cold:
        reading = seen.prompt_tokens * speed.prompt_ms
        load_ms = _mixed(load_ms, max(0.0, seen.first_milliseconds - reading), speed.answers)
    elif seen.prompt_tokens >= PROMPT_TOKENS_MIN:
        found = _bounded(seen.first_milliseconds / seen.prompt_tokens)
        prompt_ms = _mixed(prompt_ms, found, speed.answers)
    if seen.tokens >= DECODE_TOKENS_MIN and seen.decode_milliseconds > 0:
        found = _bounded(seen.decode_milliseconds / (seen.tokens - 1))
        answer_ms = _mixed(answer_ms, found, speed.answers)
    return Speed(
        prompt_ms=prompt_ms, answer_ms=answer_ms, load_ms=load_ms, answers=speed.answers + 1
    )


def _mixed(before: float, found: float, answers: int) -> float:
    """The first observations weigh more: a guess is soon forgotten."""
    weight = max(WEIGHT, 1 / (answers + 1))
    return before + weight * (found - before)


def _bounded(ms: float) -> float:
    return min(max(ms, MS_PER_TOKEN_MIN), MS_PER_TOKEN_MAX)


@final
class Speeds:
    """The speeds of all workers, by device and content."""

    def __init__(self) -> None:
        self._known: dict[tuple[DeviceId, str], Speed] = {}
        """As others saw them."""
        self._to_owner: dict[tuple[DeviceId, str], Speed] = {}
        """As all saw them, the owner too."""

    def of(self, worker: DeviceId, sha256: str, parameters: int, *, is_own: bool = False) -> Speed:
        """As observed, or a guess by the size of the model. `is_own`: as its owner sees it."""
        known = self._to_owner if is_own else self._known
        return known.get((worker, sha256)) or guessed(parameters)

    def observe(self, seen: Observe, parameters: int) -> None:
        """One more attempt was seen to its end."""
        for known in (self._to_owner,) if seen.is_own else (self._to_owner, self._known):
            before = known.get((seen.worker, seen.sha256)) or guessed(parameters)
            after = observed(before, seen)
            if after is not before:
                known[seen.worker, seen.sha256] = after

    def forget(self, workers: Iterable[DeviceId]) -> None:
        """These left the pool."""
        gone = set(workers)
        self._known = {key: one for key, one in self._known.items() if key[0] not in gone}
        self._to_owner = {key: one for key, one in self._to_owner.items() if key[0] not in gone}
