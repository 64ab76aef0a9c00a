"""Lookup: guesses the next tokens from the text so far.

Code, quotations and tool results repeat their context. Where the last tokens have occurred before,
what followed then is proposed as a draft, and one decode call verifies it all.

A wrong guess costs compute, so a draft's length follows its success: it doubles when all of it was
right, halves when some was not, and after a wholly wrong one the sequence rests a while.
Source: prompt lookup decoding, A. Saxena 2023.
"""

from collections.abc import Sequence
from typing import Final, final

from app.core.base.ids import Token

GRAM: Final = 3
"""Tokens that must recur. Two recur by chance too often; four miss short repeats."""

DRAFT_START: Final = 4
DRAFT_MAX: Final = 16
DRAFTERS_MAX: Final = 4
"""Sequences that may draft in one step. Speculation pays while decoding waits for memory; with
more streams it waits for compute."""

REST_TOKENS: Final = 24


def outputs_max(sequences: int) -> int:
    """Rows of logits that one step can want: one a sequence, and the drafts of those that draft."""
    return sequences + DRAFTERS_MAX * DRAFT_MAX


@final
class Lookup:
    """The n-grams of one sequence, kept up to date as it grows."""

    def __init__(self) -> None:
        self._after: dict[tuple[Token, ...], int] = {}
        self._indexed = 0
        self._length = DRAFT_START
        self._rest_until = 0

    def propose(self, tokens: Sequence[Token], room: int) -> list[Token]:
        """Likely next tokens, at most `room`; empty when nothing recurs or the sequence rests."""
        self._index(tokens)
        if len(tokens) < max(self._rest_until, GRAM):
            return []
        start = self._after.get(tuple(tokens[-GRAM:]))
        if start is None:
            return []
        period = len(tokens) - start  # A draft past the end of the text goes on repeating it.
        return [tokens[start + i % period] for i in range(min(self._length, room))]

    def learn(self, tokens_now: int, drafted: int, right: int) -> None:
        """Of `drafted` tokens `right` were accepted; the sequence has `tokens_now` tokens now."""
        if drafted == 0:
            return
        if right == drafted:
            self._length = min(self._length * 2, DRAFT_MAX)
        elif right:
            self._length = max(self._length // 2, 2)
        else:
            self._length = DRAFT_START
            self._rest_until = tokens_now + REST_TOKENS

    def _index(self, tokens: Sequence[Token]) -> None:
        """Remember where each n-gram was last followed by something."""
        for end in range(max(self._indexed, GRAM), len(tokens)):
            self._after[tuple(tokens[end - GRAM : end])] = end
        self._indexed = max(self._indexed, len(tokens))
