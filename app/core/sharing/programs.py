"""Programs that always win: the owner's list against the names of what runs."""

import fnmatch
import re
from collections.abc import Collection, Iterable
from typing import Final, final

_ENDING: Final = re.compile(r"\.(exe|app|appimage)$", re.IGNORECASE)


@final
class ExclusivePrograms:
    """The owner's list: names without folder, in which `*` stands for any text.

    Case does not matter, nor does an ending that only says "this is a program".
    """

    def __init__(self, listed: Collection[str]) -> None:
        patterns = [fnmatch.translate(plain(name)) for name in listed if name.strip()]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __bool__(self) -> bool:
        """Whether anything is listed."""
        return self._pattern is not None

    def among(self, running: Iterable[str]) -> tuple[str, ...]:
        """Those of the running programs that are listed, as they call themselves, sorted."""
        if self._pattern is None:
            return ()
        found = (name for name in running if self._pattern.match(plain(name)))
        return tuple(sorted({_ENDING.sub("", name) for name in found}, key=str.casefold))


def plain(name: str) -> str:
    """A program's name as it is compared: `Game.EXE` and `game` are the same."""
    return _ENDING.sub("", name.strip().casefold())
