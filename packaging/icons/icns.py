"""macOS' file of icons: each size as it was drawn, also those of a screen of one pixel a point.

Pillow writes neither 16 nor 32 pixels for such a screen, which then scales a larger one down. Those
two are not PNG: Finder shows PNG of these sizes scrambled, so that they have the form of before,
three runs of colour and a mask of their own.
"""

import io
import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from PIL import Image

_PNG: Final = {
    "ic07": 128,
    "ic08": 256,
    "ic09": 512,
    "ic10": 1024,
    "ic11": 32,
    "ic12": 64,
    "ic13": 256,
    "ic14": 512,
}
"""Pixels of each kind; ic11 to ic14 and ic10 are for screens of two pixels a point."""
_RUNS: Final = {"is32": ("s8mk", 16), "il32": ("l8mk", 32)}
"""Kinds in colours and the kinds of their masks, for screens of one pixel a point."""
_RUN_BYTES_MIN: Final = 3
_RUN_BYTES_MAX: Final = 130
_LITERAL_BYTES_MAX: Final = 128
SIZES: Final = tuple(sorted({*_PNG.values(), *(size for _, size in _RUNS.values())}))


def icns(draw: Callable[[int], Image.Image]) -> bytes:
    """The file, of what is drawn for each of SIZES, RGBA. Source: Pillow's reader of it."""
    parts = []
    for kind, (mask, size) in _RUNS.items():
        *colours, opacity = draw(size).split()
        parts.append(_part(kind, b"".join(packed(band.tobytes()) for band in colours)))
        parts.append(_part(mask, opacity.tobytes()))
    for kind, size in _PNG.items():
        png = io.BytesIO()
        draw(size).save(png, "PNG", optimize=True)
        parts.append(_part(kind, png.getvalue()))
    return _part("icns", b"".join(parts))


def packed(band: bytes) -> bytes:
    """A band with equal neighbours told once: n + 125 and the byte, else n - 1 and n bytes."""
    out, literal = bytearray(), bytearray()

    def put_literal() -> None:
        for begin in range(0, len(literal), _LITERAL_BYTES_MAX):
            chunk = literal[begin : begin + _LITERAL_BYTES_MAX]
            out.extend((len(chunk) - 1, *chunk))
        literal.clear()

    for value, count in _runs(band):
        if count < _RUN_BYTES_MIN:
            literal.extend([value] * count)
        else:
            put_literal()
            out.extend((count + 125, value))
    put_literal()
    return bytes(out)


def _runs(band: bytes) -> Iterator[tuple[int, int]]:
    """Each value with how often it follows itself, long ones in parts that can be told."""
    for value, same in groupby(band):
        left = sum(1 for _ in same)
        while left:
            count = min(left, _RUN_BYTES_MAX)
            yield value, count
            left -= count


def _part(kind: str, content: bytes) -> bytes:
    return struct.pack(">4sI", kind.encode("ascii"), 8 + len(content)) + content
