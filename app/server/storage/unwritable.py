"""Unwritable: what the rest of the program is told when SQLite cannot write."""

from typing import Final, final

from app.core.base.errors import Busy

RETRY_SECONDS: Final = 10
"""Longer than another program is waited for here (BUSY_SECONDS)."""


@final
class Unwritable(Busy):
    """The disk is full, or somebody else holds the file: it may work later."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            retry_after_seconds=RETRY_SECONDS,
            remedy="Make room on its disk, or close the program that holds the file.",
        )
