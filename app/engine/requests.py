"""Requests: what the loop remembers of each request while its answers are on their way."""

from dataclasses import dataclass, field
from typing import final

from app.engine.answer import Answer
from app.engine.prepare import PreparedGenerate
from app.wire.engine import Completed, Timings, Usage


@final
@dataclass(slots=True)
class Request:
    """A begun request. Times are seconds of the loop's clock."""

    prepared: PreparedGenerate
    answers: list[Answer]
    open: int
    """Answers that have not ended."""
    admitted: float | None = None
    first_token: float | None = None
    drafted: int = 0
    accepted: int = 0
    reported: int = -1
    """Prompt tokens in the last progress event."""
    usage_cached: int = field(default=0)
    """Tokens of the prompt that needed no work."""

    def completed(self, now: float) -> Completed:
        """The closing account; to be asked once all answers have ended."""
        admitted = now if self.admitted is None else self.admitted
        first = now if self.first_token is None else self.first_token
        return Completed(
            request=self.prepared.message.request,
            usage=Usage(
                prompt=len(self.prepared.tokens),
                cached=self.usage_cached,
                completion=sum(answer.transcript.tokens for answer in self.answers),
                reasoning=sum(answer.transcript.reasoning_tokens for answer in self.answers),
                drafted=self.drafted,
                accepted=self.accepted,
            ),
            timings=Timings(
                queue_ms=(admitted - self.prepared.received) * 1000,
                prompt_ms=(first - admitted) * 1000,
                decode_ms=(now - first) * 1000,
            ),
        )
