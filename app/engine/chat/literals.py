"""Literals: finding what two texts have in common without cutting a marker in two."""

import re
from collections.abc import Sequence
from typing import Final

MARKER: Final = re.compile(r"</?[^<>\s][^<>\n]{0,80}>|\[/?[A-Z][A-Z_ ]{0,40}\]")
"""What a marker looks like: `<tool_call>`, `<|channel|>`, `[TOOL_CALLS]`."""

_PIECE: Final = re.compile(MARKER.pattern + r"|\w+|\s+|.", re.DOTALL)


def pieces(text: str) -> list[str]:
    """The text as markers, words, white space and single other characters."""
    return _PIECE.findall(text)


def markers(text: str) -> list[str]:
    """The markers in `text`, in order."""
    return MARKER.findall(text)


def common_beginning(texts: Sequence[str]) -> str:
    """The longest beginning that all share, in whole pieces."""
    rows = list(map(pieces, texts))
    count = 0
    while all(count < len(row) and row[count] == rows[0][count] for row in rows):
        count += 1
    return "".join(rows[0][:count])


def common_end(texts: Sequence[str]) -> str:
    """The longest end that all share, in whole pieces."""
    rows = list(map(pieces, texts))
    count = 0
    while all(count < len(row) and row[-1 - count] == rows[0][-1 - count] for row in rows):
        count += 1
    return "".join(rows[0][len(rows[0]) - count :])


def without_end(text: str, end: str) -> str:
    """`text` without `end`, which it has."""
    assert text.endswith(end)
    return text[: len(text) - len(end)]
