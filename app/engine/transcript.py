"""Transcript: the tokens of one answer, read into the parts that its client sees.

It is all of an answer that needs no model: the constraint it is held to, its text, its stop
strings, what is said, reasoned and called, and where it ends. So it serves where an answer is
written, where one that was begun elsewhere goes on, and where one is measured.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, final

from app.core.base.errors import InvalidGrammar, RequestError
from app.engine.backend import Vocabulary
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
class Transcript:
    """Reads one answer. Not thread-safe.

    `take` is fed every token in order until `reason` is set; then `finish` once. Whoever chose the
    token has had it accepted by `constraint`; for tokens that others chose, `follow` does both.
    """

    def __init__(
        self,
        *,
        constraint: Constraint | None,
        parser: Parser,
        stops: Sequence[str],
        markers: frozenset[int],
        ignores_end: bool,
        tokens_max: int,
        vocabulary: Vocabulary,
    ) -> None:
        """`tokens_max` bounds the answer, with what was answered before."""
        self.constraint = constraint
        self.tokens_max = tokens_max
        self.answered: list[int] = []
        """Tokens of earlier attempts, with which the answer begins."""
        self.tokens = 0
        """Of this attempt."""
        self.reasoning_tokens = 0
        """Of this attempt."""
        self.reason: Literal["stop", "length", "tool_calls"] | None = None
        self._parser = parser
        self._scanner = StopScanner(stops)
        self._utf8 = Utf8()
        self._markers = markers
        self._ignores_end = ignores_end
        self._vocabulary = vocabulary
        if tokens_max <= 0:
            self.reason = "length"

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
        parts = self._shown(self._parser.feed(text)) if text else []
        self.reasoning_tokens += self._parser.in_reasoning
        if self._scanner.hit is not None or completes:
            self.reason = "stop"
        elif len(self.answered) + self.tokens >= self.tokens_max:
            self.reason = "length"
        return parts

    def follow(self, token: int) -> list[Part]:
        """As `take`, of a token that was chosen elsewhere.

        Raises: InvalidGrammar when the constraint does not allow it.
        """
        if self.constraint is None:
            return self.take(token)
        self.constraint.accept(token)
        return self.take(token, completes=self.constraint.is_finished)

    def replay(self, answered: Sequence[int]) -> None:
        """Read what earlier attempts delivered, in silence.

        `reason` may be set then: they delivered the last token and not the end. Raises:
        RequestError when no answer to this request begins so.
        """
        assert not self.tokens and not self.answered, "an answer begins once"
        for token in answered:
            if self.reason is not None or self._is_end(token):
                raise _wrong("goes on after the end of the answer")
            try:
                self.follow(token)
            except InvalidGrammar as error:
                raise _wrong("does not keep to the grammar") from error
        self.answered = list(answered)
        self.tokens = self.reasoning_tokens = 0

    def finish(self) -> list[Part]:
        """The rest of the text; after it `reason` is final."""
        tail = self._utf8.finish()
        parts = self._shown(self._parser.feed(tail)) if tail else []
        parts += self._shown(self._parser.finish())
        if rest := self._scanner.finish():
            parts.append(Said(text=rest))
        if self.reason == "stop" and self._parser.has_calls:
            self.reason = "tool_calls"
        return parts

    def _is_end(self, token: int) -> bool:
        return self._vocabulary.is_end(token) and not self._ignores_end

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


def _wrong(what: str) -> RequestError:
    return RequestError(f"what was answered before {what}", field="answered")
