"""Recent: the last requests that ended, in memory only: counts and times, never content."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from app.core.base.ids import ModelName, RequestId
from app.core.state.node_state import Outcome

KEPT: Final = 500
"""A page of them is read at most; a busy node turns them over in minutes."""


@final
class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is over. The four lengths of time follow each other, in milliseconds."""

    request: RequestId
    model: ModelName
    arrived_at: float
    """Seconds since 1970."""
    outcome: Outcome
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    total_ms: float
    """From arrival to end, as it was measured here; the rest of it is waiting and sending."""
    load_ms: float = 0.0
    """Until an engine was ready: long where the model had to be loaded."""
    queue_ms: float = 0.0
    """In the engine's queue."""
    prefill_ms: float = 0.0
    """Reading the prompt."""
    decode_ms: float = 0.0
    """Writing the answer."""

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of the answer; None where there was too little of it to tell."""
        if self.completion_tokens < 2 or self.decode_ms <= 0:
            return None
        return self.completion_tokens / self.decode_ms * 1000


@final
class Recent:
    """The ring. Used by one event loop."""

    def __init__(self) -> None:
        self._done: deque[Done] = deque(maxlen=KEPT)
        self.count = 0
        """How many ended since the start, those that were forgotten too."""
        self.heard: Callable[[Done], None] = lambda _: None
        """Called with each one; set by whoever learns from them."""

    def add(self, done: Done) -> None:
        """The newest."""
        self._done.append(done)
        self.count += 1
        self.heard(done)

    def newest_first(self) -> Sequence[Done]:
        """At most `KEPT`."""
        return tuple(reversed(self._done))
