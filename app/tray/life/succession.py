"""Succession: the program that stands in this one's place now, after an update.

The server restarts for a new version by itself; the tray that showed the old one would go on
with menus that the new server no longer fits.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

from app import __version__
from app.settings.environment import for_other_programs
from app.settings.program import Program

_SECONDS_MAX: Final = 60.0


def successor_of(server_version: str) -> Path | None:
    """The program to go on as, when the server is of that version; None to stay.

    It must say itself that it is of that version: else a tray would start itself for ever.
    """
    program = Program.of_this()
    if server_version == __version__ or not program.is_bundle:
        return None
    try:
        said = subprocess.run(  # noqa: S603  # our own program, by its lasting path
            [program.lasting, "--version"],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS_MAX,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return None
    return program.lasting if said.split() == ["athanor", server_version] else None


def go_on_as(program: Path) -> NoReturn:
    """This process is that program's tray from now on."""
    os.execve(program, [str(program), "tray", "--background"], _environment())  # noqa: S606


def _environment() -> dict[str, str]:
    return for_other_programs(os.environ, is_frozen=bool(getattr(sys, "frozen", False)))
