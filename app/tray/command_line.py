"""The words after `athanor tray`, for a start that imports nothing of the command line.

`athanor tray --help`, and whatever is wrong, is the command line's (cli/tray.py), which has the
same flags.
"""

from collections.abc import Sequence
from typing import Final, final

import msgspec

BACKGROUND_FLAG: Final = "--background"
LINK_FLAG: Final = "--link"
HOME_FLAG: Final = "--home="


@final
class TrayFlags(msgspec.Struct, frozen=True, kw_only=True):
    """How the tray is started."""

    is_background: bool = False
    """By the computer's start: no page is opened."""
    has_link: bool = False
    """A link to open comes on stdin: it may be an invite, and a command line can be read by every
    user of the machine."""
    home: str = ""
    """ATHANOR_HOME, where an environment cannot be given along."""


def flags_of(words: Sequence[str]) -> TrayFlags | None:
    """The flags, where every word is one; None where the command line has to look at them."""
    is_background, has_link, home = False, False, ""
    for word in words:
        if word == BACKGROUND_FLAG:
            is_background = True
        elif word == LINK_FLAG:
            has_link = True
        elif word.startswith(HOME_FLAG) and len(word) > len(HOME_FLAG):
            home = word.removeprefix(HOME_FLAG)
        else:
            return None
    return TrayFlags(is_background=is_background, has_link=has_link, home=home)
