"""What an engine child says to the server, and the parts that an answer is made of.

One tagged union, `FromEngine`; in which order its members come is told where the questions are
(wire/engine.py), from where they all can be imported.

Rule: fields that carry a user's words live in Structs derived from `Private`.
"""

from typing import Literal

from app.core.base.ids import RequestId
from app.wire.message import Message, Private
from app.wire.model import ModelFacts


class Loading(Message, frozen=True, kw_only=True, omit_defaults=True, tag="loading"):
    """Progress of the load; `fraction` of the stage that is named, 0 to 1."""

    stage: Literal["library", "weights", "context", "template", "warmup"]
    fraction: float = 0.0


class Ready(Message, frozen=True, kw_only=True, omit_defaults=True, tag="ready"):
    """The model serves. `version` is the engine program's, for the log."""

    facts: ModelFacts
    version: str


class Failed(Message, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The load cannot succeed; the child exits after it."""

    kind: str
    message: str
    remedy: str = ""


class Begun(Message, frozen=True, kw_only=True, omit_defaults=True, tag="begun"):
    """The request is valid, tokenised and queued."""

    request: RequestId
    prompt_tokens: int


class Progress(Message, frozen=True, kw_only=True, omit_defaults=True, tag="progress"):
    """Prefill so far; only when asked for. `cached` of `total` needed no work."""

    request: RequestId
    total: int
    cached: int
    processed: int
    ms: float


class TokenLogprob(Private, frozen=True, kw_only=True, omit_defaults=True):
    """One token with its log probability (natural log, before sampling)."""

    token: int
    piece: bytes
    logprob: float
    top: tuple[tuple[int, bytes, float], ...] = ()


class Said(Private, frozen=True, kw_only=True, omit_defaults=True, tag="said"):
    """Text of the answer."""

    text: str


class Reasoned(Private, frozen=True, kw_only=True, omit_defaults=True, tag="reasoned"):
    """Text of the model's reasoning, without its markers."""

    text: str


class CallBegun(Private, frozen=True, kw_only=True, omit_defaults=True, tag="call"):
    """A tool call starts; its name is whole. `index` counts calls of the choice from 0."""

    index: int
    id: str
    name: str


class CallArguments(Private, frozen=True, kw_only=True, omit_defaults=True, tag="arguments"):
    """A piece of the call's arguments: JSON text, whole when all pieces are joined."""

    index: int
    text: str


Part = Said | Reasoned | CallBegun | CallArguments


class Delta(Private, frozen=True, kw_only=True, omit_defaults=True, tag="delta"):
    """What one step added to one choice. `parts` may be empty while text is held back."""

    request: RequestId
    choice: int
    parts: list[Part]
    logprobs: list[TokenLogprob] = []
    tokens: int = 1
    """Tokens of the choice since its last Delta, those of text held back too."""
    token_ids: list[int] = []
    """The ids of these `tokens`, where `Generate.with_tokens` asks for them."""


class Ended(Message, frozen=True, kw_only=True, omit_defaults=True, tag="ended"):
    """One choice is complete."""

    request: RequestId
    choice: int
    reason: Literal["stop", "length", "tool_calls"]
    stop: str | None = None
    """The stop string that ended it, where one did."""


class Usage(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens, all choices together; the prompt counts once.

    An answer that goes on after `Generate.answered` counts this attempt's tokens alone, so that the
    attempts add up: `prompt` is the prompt without what was answered, and of it `cached`.
    """

    prompt: int
    cached: int
    completion: int
    reasoning: int = 0
    drafted: int = 0
    """Tokens proposed by speculation, and how many of them were right."""
    accepted: int = 0


class Timings(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Milliseconds: in the queue, in prefill (admitted to first token), in decode."""

    queue_ms: float
    prompt_ms: float
    decode_ms: float


class Completed(Message, frozen=True, kw_only=True, omit_defaults=True, tag="completed"):
    """All choices ended; the last event of the request."""

    request: RequestId
    usage: Usage
    timings: Timings


class Refused(Message, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """The request ends here. `kind` is a word of core/base/errors.py."""

    request: RequestId
    kind: str
    message: str
    field: str | None = None
    remedy: str = ""
    prompt_tokens: int = 0
    context: int = 0
    retry_after_seconds: int = 0


class Embedded(Private, frozen=True, kw_only=True, omit_defaults=True, tag="embedded"):
    """Vectors in order of the inputs, each little-endian float32."""

    request: RequestId
    vectors: list[bytes]
    prompt_tokens: int


class Tokens(Private, frozen=True, kw_only=True, omit_defaults=True, tag="tokens"):
    """Token ids, and each one's bytes when pieces were asked for."""

    request: RequestId
    tokens: list[int]
    pieces: list[bytes] = []


class Text(Private, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """A text that was asked for."""

    request: RequestId
    text: str


class Measured(Private, frozen=True, kw_only=True, omit_defaults=True, tag="measured"):
    """What an attempt comes to by the model's own vocabulary."""

    request: RequestId
    prompt_tokens: int
    """Of the prompt as the template renders it; of all inputs of an `Embed`."""
    answer_tokens: int = 0
    """What the text of the attempt's tokens takes when it is tokenised anew, together with what was
    answered before. The counts of several attempts at one answer add up to that of the whole; so
    one may exceed its own tokens by what the one before it fell short in mid-word."""
    differs: Literal["", "vocabulary", "end", "grammar", "parts"] = ""
    """Why the tokens cannot be what gave the parts: ids that the vocabulary has not; tokens after
    the answer's end; tokens that the grammar forbids; other parts. "" when all agrees."""

    @property
    def agrees(self) -> bool:
        """Whether the parts that were delivered are what the tokens give."""
        return not self.differs


class Gauges(Message, frozen=True, kw_only=True, omit_defaults=True, tag="gauges"):
    """How busy the engine is: sent when it changed, at most a few times a second."""

    running: int
    waiting: int
    parked: int
    kept: int
    cells_used: int
    cells: int
    prompt_tokens: int
    """Computed since the start, cached ones not counted."""
    cached_tokens: int
    completion_tokens: int
    decode_calls: int
    busy_seconds: float


FromEngine = (
    Loading
    | Ready
    | Failed
    | Begun
    | Progress
    | Delta
    | Ended
    | Completed
    | Refused
    | Embedded
    | Tokens
    | Text
    | Measured
    | Gauges
)
