"""Pace: timings while a request still runs, for clients that ask for them with every token.

The engine tells final timings once; until then the prompt's come from its progress and the
answer's from when its pieces arrived here.
"""

from app.server.web.openai.figures import timings_of
from app.wire import engine
from app.wire.engine import Delta, Progress
from app.wire.openai.answer import Timings


class Pace:
    """Follows the events of one request. Times are seconds of one steady clock."""

    def __init__(self, now: float) -> None:
        self._prompt = engine.Usage(prompt=0, cached=0, completion=0)
        self._prompt_ms = 0.0
        self._first = now
        self._now = now
        self._tokens = 0

    def see_progress(self, event: Progress) -> None:
        """The prompt was read so far."""
        self._prompt = engine.Usage(prompt=event.processed, cached=event.cached, completion=0)
        self._prompt_ms = event.ms

    def see_delta(self, event: Delta, now: float) -> None:
        """Tokens came."""
        if not self._tokens:
            self._first = now
        self._tokens += event.tokens
        self._now = now

    def timings(self) -> Timings:
        """So far."""
        usage = engine.Usage(
            prompt=self._prompt.prompt, cached=self._prompt.cached, completion=self._tokens
        )
        measured = engine.Timings(
            queue_ms=0.0,
            prompt_ms=self._prompt_ms,
            decode_ms=(self._now - self._first) * 1000,
        )
        return timings_of(usage, measured)
