"""Answer: one choice of one request, from sampled tokens to the parts that its client sees."""

from collections.abc import Sequence
from typing import Literal, Protocol, final

from app.core.scheduling.lookup import Lookup
from app.core.scheduling.sequence import Sequence as Scheduled
from app.engine.backend import Sampler, Vocabulary
from app.engine.constrain import Constraint
from app.engine.text import StopScanner, Utf8
from app.wire.engine import Part, Said


class Parser(Protocol):
    """Splits the text of an answer into what is said, reasoned and called."""

    @property
    def has_calls(self) -> bool:
        """Whether a call has begun."""

    @property
    def in_reasoning(self) -> bool:
        """Whether what came last was reasoning."""

    def feed(self, text: str) -> list[Part]:
        """The parts that `text` completes."""

    def finish(self) -> list[Part]:
        """The parts that were held back; the answer is over."""


@final
class PlainParser:
    """All text is said: raw completions have no calls and no reasoning."""

    has_calls = False
    in_reasoning = False

    def feed(self, text: str) -> list[Part]:
        """The text, as it is."""
        return [Said(text=text)]

    def finish(self) -> list[Part]:
        """Nothing is ever held back."""
        return []


@final
class Answer:
    """Holds what one sequence needs besides its cells: sampler, constraint, text so far.

    `take` is fed every sampled token in order until `reason` is set; then `finish` once.
    """

    def __init__(
        self,
        choice: int,
        *,
        sequence: Scheduled,
        sampler: Sampler,
        constraint: Constraint | None,
        parser: Parser,
        stops: Sequence[str],
        markers: frozenset[int],
        ignores_end: bool,
        lookup: Lookup | None,
        vocabulary: Vocabulary,
    ) -> None:
        self.choice = choice
        self.sequence = sequence
        self.sampler = sampler
        self.constraint = constraint
        self.parser = parser
        self.lookup = lookup
        self.tokens = 0
        self.told = 0
        """Of these, how many the client knows of."""
        self.reasoning_tokens = 0
        self.reason: Literal["stop", "length", "tool_calls"] | None = None
        self._scanner = StopScanner(stops)
        self._utf8 = Utf8()
        self._markers = markers
        self._ignores_end = ignores_end
        self._vocabulary = vocabulary

    @property
    def stop(self) -> str | None:
        """The stop string that ended the answer, if one did."""
        return self._scanner.hit

    def take(self, token: int, *, completes: bool = False) -> list[Part]:
        """What becomes visible by this token; sets `reason` when it is the last.

        `completes` says that with it the constraint has all it wants.
        """
        if self._vocabulary.is_end(token) and not self._ignores_end:
            self.reason = "stop"
            return []
        self.tokens += 1
        is_marker = token in self._markers
        piece = self._vocabulary.special_piece if is_marker else self._vocabulary.piece
        text = self._utf8.feed(piece(token))
        parts = self._shown(self.parser.feed(text)) if text else []
        self.reasoning_tokens += self.parser.in_reasoning
        if self._scanner.hit is not None or completes:
            self.reason = "stop"
        elif self.sequence.prompt_tokens + self.tokens >= self.sequence.tokens_max:
            self.reason = "length"
        return parts

    def finish(self) -> list[Part]:
        """The rest of the text; after it `reason` is final."""
        tail = self._utf8.finish()
        parts = self._shown(self.parser.feed(tail)) if tail else []
        parts += self._shown(self.parser.finish())
        if rest := self._scanner.finish():
            parts.append(Said(text=rest))
        if self.reason == "stop" and self.parser.has_calls:
            self.reason = "tool_calls"
        return parts

    def close(self) -> None:
        """Free what is held in C."""
        self.sampler.close()

    def _shown(self, parts: list[Part]) -> list[Part]:
        """Said text passes the stop scanner; another kind of part lets go what it held back."""
        shown: list[Part] = []
        for part in parts:
            if self._scanner.hit is not None:
                break
            if not isinstance(part, Said):
                if held := self._scanner.finish():
                    shown.append(Said(text=held))
                shown.append(part)
            elif text := self._scanner.feed(part.text):
                shown.append(part if text is part.text else Said(text=text))
        return shown
