"""Sizes: bytes as people write and read them."""

import re
from typing import Final

_SIZE: Final = re.compile(
    r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]i?B|B)?\s*", re.IGNORECASE | re.ASCII
)
_PREFIXES: Final = "KMGT"


def parse_bytes(text: str) -> int:
    """The bytes that "65536", "64 KiB", "1.5GiB" or "64 kB" mean; kB, MB, GB are powers of 1000.

    Raises: ValueError.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    number, unit = match[1], (match[2] or "B").upper()
    base = 1024 if "I" in unit else 1000
    factor = base ** (_PREFIXES.index(unit[0]) + 1) if unit != "B" else 1
    if "." not in number:
        return int(number) * factor
    return round(float(number) * factor)
