"""Numbers: reading them where they come as text that anybody may have written."""

from typing import Final

DIGITS_MAX: Final = 19
"""Those of 2**63. Past some thousands Python refuses to read digits, by an error of its own."""


def whole_number(text: str) -> int | None:
    """The number that the digits say; None for another text, and for one of too many digits."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else None
