"""SaidOnce: what this user was told and need not be told again, in a small file."""

import contextlib
from pathlib import Path
from typing import final

import msgspec
from msgspec.structs import replace


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said."""

    is_greeted: bool = False
    """Athanor was ready for the first time."""
    has_no_tray: bool = False
    """This desktop shows no icons."""


@final
class SaidOnce:
    """The file's content, kept in step with it; where it cannot be written, things are repeated."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.said = _read(file)

    def greeted(self) -> None:
        """The greeting was shown."""
        self._write(replace(self.said, is_greeted=True))

    def told_of_no_tray(self) -> None:
        """It was said that this desktop shows no icons."""
        self._write(replace(self.said, has_no_tray=True))

    def _write(self, said: Said) -> None:
        if said != self.said:
            self.said = said
            with contextlib.suppress(OSError):
                self._file.write_bytes(msgspec.json.encode(said))


def _read(file: Path) -> Said:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=Said)
    return Said()
