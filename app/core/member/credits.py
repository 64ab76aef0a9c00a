"""Credits: amounts as people write them, and as the books count them.

A person writes "1.5"; the books hold 1,500,000 micros. No float stands between the two.
"""

import re
from typing import Final

from app.core.base.units import CREDIT, Micros

PATTERN: Final = r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?\Z"
"""What `micros_of` reads; settings are checked by it."""

_DIGITS: Final = 6


def micros_of(text: str) -> Micros:
    """The amount that the text means. Raises: ValueError for one that is none."""
    if not re.match(PATTERN, text):
        raise ValueError(f"not an amount of credits, such as 5 or 0.25: {text!r}")
    whole, _, fraction = text.partition(".")
    return Micros(int(whole) * CREDIT + int(fraction.ljust(_DIGITS, "0") or 0))


def credits_text(micros: int) -> str:
    """The amount exactly, without zeros at its end: "1.5", "-0.000001"; `micros_of` reads it."""
    sign = "-" if micros < 0 else ""
    whole, fraction = divmod(abs(micros), CREDIT)
    digits = f"{fraction:0{_DIGITS}}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def credits_words(micros: int) -> str:
    """The amount as a face shows it: "1.5 credits", "1 credit", "0.0025 credits"."""
    noun = "credit" if abs(micros) == CREDIT else "credits"
    return f"{credits_text(micros)} {noun}"
