"""Readiness: how a started server tells who waits for it that it serves. POSIX.

A pipe, whose end the child is given by its number in a variable. A byte means that it serves; an
end without one that it never will. No clock is asked, but for the longest patience.
"""

import contextlib
import os
import select
from collections.abc import MutableMapping
from typing import Final, Literal

DESCRIPTOR_VARIABLE: Final = "ATHANOR_READY_DESCRIPTOR"

Readiness = Literal["ready", "ended", "silent"]
"""ready: the byte came. ended: the pipe did, without it. silent: patience did."""


def take_descriptor(environment: MutableMapping[str, str]) -> int | None:
    """The pipe's end, which no child of ours inherits; None where nobody waits."""
    text = environment.pop(DESCRIPTOR_VARIABLE, "")
    if not text.isdecimal():
        return None
    number = int(text)
    try:
        os.set_inheritable(number, False)
    except OSError:
        return None
    return number


def tell_ready(descriptor: int | None) -> None:
    """Whoever waits knows it now; nothing happens where nobody does."""
    if descriptor is not None:
        # Who gave up waiting has closed the other end.
        with contextlib.suppress(OSError):
            os.write(descriptor, b"1")
        with contextlib.suppress(OSError):
            os.close(descriptor)


def wait_ready(descriptor: int, *, seconds_max: float) -> Readiness:
    """What came first."""
    readable, _, _ = select.select([descriptor], [], [], seconds_max)
    if not readable:
        return "silent"
    return "ready" if os.read(descriptor, 1) == b"1" else "ended"
