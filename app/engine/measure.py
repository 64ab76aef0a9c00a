"""Measure: what an attempt at an answer should cost, and whether it is what it claims to be.

A worker in a pool is paid by tokens and counts them itself. So its pool counts again, with the
model's own vocabulary and none of its weights: the prompt as the template renders it, and the text
of the answer's tokens as the vocabulary splits it. A worker that splits words finer than that is
not paid for it, and one whose tokens do not give the parts that it delivered is found out.

Theory: let c(n) be the canonical count of the first n tokens, at most n. An attempt at the tokens
from a to b comes to c(b) - c(a), so attempts that share an answer come to what one attempt at all
of it would have, wherever the seams are. At a seam in mid-word the text before may need fewer
tokens alone than in company; the later attempt then comes to more than its own tokens, and the
settlement gives the difference back to the earlier.
"""

import codecs
from collections.abc import Sequence
from typing import Final, Literal, final

from app.core.base.errors import InvalidGrammar
from app.engine.backend import Vocabulary
from app.engine.prepare import Preparer, Reading
from app.engine.transcript import Transcript
from app.wire.engine import (
    CallArguments,
    CallBegun,
    Embed,
    Generate,
    Measure,
    Measured,
    Part,
    Reasoned,
    Said,
)

TOKENS_MAX: Final = 2**31
"""Of an answer without a limit: the context that bounds it is the worker's."""

Differs = Literal["", "vocabulary", "end", "grammar", "parts"]

Joined = list[tuple[str, int, str]]
"""Parts as a client has them in the end: (kind, index of the call, text), neighbours joined."""


@final
class Measurer:
    """Answers `Measure`. Thread-safe."""

    def __init__(self, preparer: Preparer, vocabulary: Vocabulary) -> None:
        self._preparer = preparer
        self._vocabulary = vocabulary

    def measure(self, message: Measure) -> Measured:
        """The attempt, measured. Raises: RequestError and its kin, when it cannot be served."""
        if isinstance(message.work, Embed):
            inputs = self._preparer.inputs(message.work)
            return Measured(request=message.request, prompt_tokens=sum(map(len, inputs)))
        reading = self._preparer.read(message.work)
        taken, differs = self._follow(message, message.work, reading, joined(message.parts))
        return Measured(
            request=message.request,
            prompt_tokens=len(reading.tokens),
            answer_tokens=self._added(reading, message.work.answered, taken),
            differs=differs,
        )

    def _follow(
        self, message: Measure, work: Generate, reading: Reading, delivered: Joined
    ) -> tuple[list[int], Differs]:
        """The tokens that can be the attempt's, and what is wrong with it."""
        size = self._vocabulary.size
        if not all(0 <= token < size for token in message.tokens):
            return [], "vocabulary"
        limit = TOKENS_MAX if work.max_tokens is None else work.max_tokens
        transcript = self._preparer.transcript(work, reading, limit)
        parts: list[Part] = []
        if work.echo and not work.answered:
            parts.append(Said(text=reading.text))
        differs = _read(transcript, message.tokens, parts)
        taken = message.tokens[: transcript.tokens]
        if differs:
            return taken, differs
        if delivered == joined(parts):
            return taken, ""
        # All of it was delivered, with what is held back until the end.
        return taken, "" if delivered == joined([*parts, *transcript.finish()]) else "parts"

    def _added(self, reading: Reading, answered: Sequence[int], tokens: Sequence[int]) -> int:
        """What `tokens` add to the canonical count of the answer."""
        before = self._canonical(answered, reading.markers)
        whole = self._canonical([*answered, *tokens], reading.markers)
        return max(whole - before, 0)

    def _canonical(self, tokens: Sequence[int], markers: frozenset[int]) -> int:
        """How many tokens the vocabulary makes of the text of these, at most as many as they are.

        Control tokens that an answer is written with count, others say nothing and do not.
        """
        count = 0
        run = bytearray()
        for token in tokens:
            if self._vocabulary.is_control(token):
                count += self._split(bytes(run)) + (token in markers)
                run.clear()
            else:
                run += self._vocabulary.piece(token)
        return min(count + self._split(bytes(run)), len(tokens))

    def _split(self, data: bytes) -> int:
        """Tokens of a text; a character that is cut at its end counts by its bytes."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(data)
        return self._words(text) + len(decoder.getstate()[0])

    def _words(self, text: str) -> int:
        if not text:
            return 0
        return len(self._vocabulary.tokenize(text, add_special=False, parse_special=False))


def _read(transcript: Transcript, tokens: Sequence[int], parts: list[Part]) -> Differs:
    """Read the tokens, adding to `parts`; what is wrong with the first that cannot be."""
    for number, token in enumerate(tokens):
        if transcript.reason is not None:
            return "end"
        try:
            parts += transcript.follow(token)
        except InvalidGrammar:
            return "grammar"
        if transcript.tokens == number:
            return "end"  # The token that ends a turn is none of its answer.
    return ""


def joined(parts: Sequence[Part]) -> Joined:
    """The parts with neighbours of one kind joined; ids of calls are nobody's words."""
    found: list[tuple[str, int, list[str]]] = []
    for part in parts:
        match part:
            case Said(text=text):
                kind, index = "said", 0
            case Reasoned(text=text):
                kind, index = "reasoned", 0
            case CallArguments(index=index, text=text):
                kind = "arguments"
            case CallBegun(index=index, name=text):
                found.append(("call", index, [text]))
                continue
        if found and found[-1][:2] == (kind, index):
            found[-1][2].append(text)
        elif text:
            found.append((kind, index, [text]))
    return [(kind, index, "".join(texts)) for kind, index, texts in found]
