"""Program: which file this very process was started from, and by which path it lasts.

An archive that was updated lies beside the versions before it, and a link leads to the newest:

    athanor -> athanor-0.2.0
    athanor-0.1.0/
    athanor-0.2.0/

Whoever writes down how the program is started again (at login, for links in a browser) must write
the link: the folder behind it is deleted some updates later.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, final

import msgspec

PROGRAM_VARIABLE: Final = "ATHANOR_PROGRAM"
"""The executable, where Python does not know it: set by who packs the program in another way."""

VERSIONED: Final = re.compile(r"(?P<name>.+)-(?P<version>\d+\.\d+\.\d+)")
"""How the folder of a version beside others is called."""


@final
class Program(msgspec.Struct, frozen=True, kw_only=True):
    """This copy of the program."""

    file: Path
    """The executable, of a bundle by its real path."""
    is_bundle: bool
    """It is whole in a folder of its own; else Python runs it, from source or installed."""

    @classmethod
    def of_this(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The program that runs now."""
        named = environment.get(PROGRAM_VARIABLE, "")
        is_frozen = bool(getattr(sys, "frozen", False))
        is_bundle = is_frozen or bool(named)
        file = Path(named if named and not is_frozen else sys.executable)
        # Python in a virtual environment is a link, and is another one without it.
        return cls(file=file.resolve() if is_bundle else file, is_bundle=is_bundle)

    @property
    def folder(self) -> Path:
        """The folder of the executable."""
        return self.file.parent

    @property
    def link(self) -> Path:
        """What leads to the newest version: it may be the folder itself, or not be there yet."""
        found = VERSIONED.fullmatch(self.folder.name)
        if found is not None:
            link = self.folder.with_name(found["name"])
            if link.is_symlink() and link.resolve() == self.folder:
                return link
        return self.folder

    @property
    def lasting(self) -> Path:
        """The path by which to start it another day."""
        return self.link / self.file.name if self.is_bundle else self.file
