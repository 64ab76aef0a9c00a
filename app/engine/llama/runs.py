"""Runs: cuts texts that would overflow the stack of a tokeniser of llama.cpp, or take minutes.

For many models llama.cpp finds the words of a text by `std::regex`, which calls itself once for
each character of a match, some 500 bytes of stack each. Twenty thousand letters in a row, which any
request may hold, then end the process. So runs of one kind of character are cut; both sides are
tokenised apart, and only the token at the cut can differ from what the whole would give.

Vocabularies in the manner of sentencepiece write what they have no token for by its bytes, and
llama.cpp (0.3.36) copies all tokens so far for each such character in a row: a million line ends
take a minute. So runs of those are cut too, where no token spans the cut: none differs then.
"""

import re
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final

RUN_MAX: Final = 8192
"""No run is left longer: 4 MB of stack, of the 8 and more that a thread has."""

_STRIDE: Final = RUN_MAX // 2

UNKNOWN_STRIDE: Final = 512
"""No run of unknown characters is left twice as long. A few copies of all tokens cost little."""

_MARKS: Final = r"!-/:-@\[-`{-~\u2000-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20"
"""Punctuation: ASCII's, the general block, and that of Chinese and Japanese."""

_UNIFORM: Final = re.compile(rf"\s++|[{_MARKS}]++|[^\s{_MARKS}]++")
"""Coarser than any pre-tokeniser's own kinds: what one of them takes for a word lies within."""


def cut(text: str) -> list[str]:
    """`text` in pieces without a run past `RUN_MAX`; whole where it has none."""
    if len(text) < RUN_MAX:
        return [text]
    # A run of RUN_MAX covers one of these strides wholly; only their beginnings need a look.
    starts = range(0, len(text) - _STRIDE + 1, _STRIDE)
    cuts = [at for at in starts if at and _is_uniform(text, at)]
    return [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]


def cut_unknown(text: str, known: AbstractSet[str], pairs: AbstractSet[str]) -> list[str]:
    """`text` in pieces, such that no long run of characters outside `known` is left in one.

    `pairs` are the characters that are neighbours in some token. Every piece but the first begins
    with a character outside `known`, which joins with nothing before it, nor with a space.
    """
    starts = range(UNKNOWN_STRIDE, len(text) - UNKNOWN_STRIDE + 1, UNKNOWN_STRIDE)
    cuts = [
        at
        for at in starts
        if known.isdisjoint(text[at : at + UNKNOWN_STRIDE])
        and pairs.isdisjoint((text[at - 1 : at + 1], f" {text[at]}"))
    ]
    return [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]


def _is_uniform(text: str, start: int) -> bool:
    match = _UNIFORM.match(text, start, start + _STRIDE)
    return match is not None and match.end() == start + _STRIDE
