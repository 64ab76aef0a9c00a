"""Clipboard: text onto it, by what each system has for that."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from app.settings.environment import for_other_programs

_SECONDS_MAX: Final = 5.0


def copy_text(text: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the text is on the clipboard now."""
    if any(_fed(command, text, environment) for command in commands_of(environment)):
        return True
    screen = environment.get("DISPLAY")
    if sys.platform in {"win32", "darwin"} or not screen:
        return False
    from app.tray.life.x_clipboard import hold_text  # noqa: PLC0415  # it is of X11 alone

    return hold_text(text, screen)


def commands_of(environment: Mapping[str, str]) -> list[list[str]]:
    """The programs here that take the clipboard's text on stdin, best first."""
    if sys.platform == "win32":
        return [["clip.exe"]]
    if sys.platform == "darwin":
        return [["/usr/bin/pbcopy"]]
    commands = []
    if environment.get("WAYLAND_DISPLAY"):
        commands.append(["wl-copy", "--type", "text/plain"])
    if environment.get("DISPLAY"):
        commands += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    search = environment.get("PATH")
    return [command for command in commands if shutil.which(command[0], path=search)]


def _fed(command: list[str], text: str, environment: Mapping[str, str]) -> bool:
    encoding = "utf-16" if sys.platform == "win32" else "utf-8"
    is_frozen = bool(getattr(sys, "frozen", False))
    try:
        done = subprocess.run(  # noqa: S603  # the system's own programs
            command,
            input=text.encode(encoding),
            # Whoever holds the selection stays behind; it must not hold a pipe of ours.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS_MAX,
            check=False,
            env=for_other_programs(environment, is_frozen=is_frozen),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
