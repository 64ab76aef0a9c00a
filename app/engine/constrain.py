"""Constrain: hold an answer to a grammar, token by token.

llguidance does the work: a grammar becomes a matcher, which says before each token which ones may
come. A grammar here is always text in llguidance's own form: `grammar_of` makes it from what a
client may ask for, and app/engine/chat/grammar.py from tools.
"""

import re
from collections.abc import Sequence
from typing import Final, final

import numpy as np
from llguidance import LLMatcher, LLTokenizer, grammar_from
from numpy.typing import NDArray

from app.core.base.errors import InvalidGrammar
from app.engine.backend import Floats
from app.engine.chat.schema import check, limits, text_of
from app.wire.engine import OutputForm, OutputGrammar, OutputJson, OutputRegex, OutputSchema

GRAMMAR_CHARACTERS_MAX: Final = 256 * 1024

_FORBIDDEN: Final = np.float32(-np.inf)

_FEW: Final = 0.01
"""Share of 32-token words with a token allowed, below which those tokens are put back singly."""
_MOST: Final = 0.97
"""Share of tokens allowed, above which the forbidden ones are picked out."""


def grammar_of(output: OutputForm) -> str:
    """The grammar of a form that a client asks for.

    Raises: InvalidGrammar, with the place of the fault.
    """
    match output:
        case OutputJson():
            return f'{{"grammars": [{{"json_schema": {text_of({"type": "object"})}}}]}}'
        case OutputSchema(schema=schema):
            check(schema, field="response_format")
            return f'{{"grammars": [{{"json_schema": {text_of(schema)}}}]}}'
        case OutputGrammar(text=text):
            return _checked(_from_text(text), field="grammar")
        case OutputRegex(pattern=pattern):
            _bounded(pattern, field="regex")
            return _checked(str(LLMatcher.grammar_from_regex(pattern)), field="regex")


def lark_of(text: str) -> str:
    """A client's grammar, GBNF or Lark, as Lark.

    Raises: InvalidGrammar.
    """
    return _checked(_from_text(text), field="grammar")


def _from_text(text: str) -> str:
    """GBNF defines rules by `::=`, Lark by a colon; llguidance tells them apart by `start:`."""
    _bounded(text, field="grammar")
    try:
        return str(grammar_from("grammar", text))
    except ValueError as error:
        fault = str(error).removeprefix("Failed to convert the grammar from GBNF to Lark: ")
        raise InvalidGrammar(f"the grammar is invalid: {fault}", field="grammar") from error


def _bounded(text: str, *, field: str) -> None:
    if len(text) > GRAMMAR_CHARACTERS_MAX:
        raise InvalidGrammar(f"the {field} has {len(text)} characters", field=field)


def _checked(grammar: str, *, field: str) -> str:
    fault = LLMatcher.validate_grammar(grammar, limits=limits())
    if fault and not fault.startswith("WARNING"):
        raise InvalidGrammar(f"the {field} is invalid: {_placed(fault)}", field=field)
    return grammar


def _placed(fault: str) -> str:
    """llguidance's `2(8): ...` in words, its drawing of the place left out."""
    found = re.match(r"(?:at )?(\d+)\((\d+)\): (.*)", fault.strip(), re.DOTALL)
    if found is None:
        return fault.strip()
    line, column, words = found.groups()
    said = re.split(r"\n +[0-9]+ [|]", words)[0].strip()
    return f"line {line}, column {column}: {said}"


@final
class Constrainer:
    """Compiles grammars for one vocabulary.

    `ends` are the tokens that end an answer; all of them are allowed where the grammar may end.
    """

    def __init__(self, tokenizer: LLTokenizer, ends: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        size = int(tokenizer.vocab_size)
        self._ends = np.array(sorted({*tokenizer.eos_tokens, *ends}), np.int64)
        self._words = (size + 31) // 32

    def compile(self, grammar: str) -> "Constraint":
        """A constraint at its beginning. Milliseconds; a hard grammar may take a second.

        Raises: InvalidGrammar.
        """
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=limits())
        if matcher.is_error():
            fault = _placed(str(matcher.get_error()))
            raise InvalidGrammar(f"the grammar is invalid: {fault}")
        return Constraint(matcher, self._ends, self._words)


@final
class Constraint:
    """Where one answer stands in its grammar. Not thread-safe; a fork is independent.

    Order: `mask` the logits, choose, `accept` the choice, until `is_finished`.
    """

    def __init__(self, matcher: LLMatcher, ends: NDArray[np.int64], words: int) -> None:
        self._matcher = matcher
        self._ends = ends
        self._end_set = frozenset(ends.tolist())
        self._allowed = np.zeros(words, np.int32)
        self._has_ended = False

    def fork(self) -> "Constraint":
        """Another answer that stands at the same place."""
        twin = Constraint(self._matcher.deep_copy(), self._ends, len(self._allowed))
        twin._has_ended = self._has_ended
        return twin

    @property
    def is_finished(self) -> bool:
        """Whether nothing but an end may come."""
        return self._has_ended or bool(self._matcher.is_stopped())

    def accept(self, token: int) -> None:
        """`token` was chosen.

        Raises: InvalidGrammar when the grammar does not allow it, or became too hard to follow.
        """
        if token in self._end_set and self._matcher.is_accepting():
            self._has_ended = True
        elif not self._matcher.consume_token(token):
            raise self._lost()

    def mask(self, logits: Floats) -> None:
        """Set the logits of all tokens that may not come to minus infinity, in place.

        `logits` has shape (vocabulary,) and may be longer than the tokenizer's vocabulary.
        Raises: InvalidGrammar when the grammar became too hard to follow.
        """
        if self.is_finished:
            self._allow(logits, self._ends)
            return
        words = self._allowed
        self._matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        if self._matcher.is_error():
            raise self._lost()
        if self._matcher.is_accepting():
            # llguidance knows some of the ends; the model may prefer another
            for end in self._ends.tolist():
                words.view(np.uint32)[end >> 5] |= np.uint32(1 << (end & 31))
        used = np.flatnonzero(words)
        if len(used) < _FEW * len(words):
            bits = np.unpackbits(
                words[used].view(np.uint8).reshape(-1, 4), axis=1, bitorder="little"
            )
            rows, columns = np.nonzero(bits)
            self._allow(logits, used[rows] * 32 + columns)
        else:
            self._forbid(logits, words)

    def _allow(self, logits: Floats, tokens: NDArray[np.int64]) -> None:
        """Only `tokens`."""
        tokens = tokens[tokens < len(logits)]
        kept = logits[tokens]
        logits.fill(_FORBIDDEN)
        logits[tokens] = kept

    def _forbid(self, logits: Floats, words: NDArray[np.int32]) -> None:
        """All whose bit is 0. Two ways, each fast where the other is slow (docs in tests)."""
        size = min(len(logits), len(words) * 32)
        bits = np.unpackbits(words.view(np.uint8), count=size, bitorder="little")
        if int(np.bitwise_count(words.view(np.uint32)).sum()) > _MOST * size:
            logits[:size][bits == 0] = _FORBIDDEN
        else:
            # log(1) = 0 and log(0) = -inf: no branch, so it does not matter how mixed the bits are
            with np.errstate(divide="ignore"):
                logits[:size] += np.log(bits, dtype=np.float32)
        logits[size:] = _FORBIDDEN

    def _lost(self) -> InvalidGrammar:
        fault = str(self._matcher.get_error()).strip().split("\n", 1)[0]
        return InvalidGrammar(
            f"the answer cannot be held to the grammar: {fault}", field="response_format"
        )
