"""Opening: pages and files, in the programs that the system has for them."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

from app.settings.environment import for_other_programs

_OPENERS: Final = (("xdg-open",), ("gio", "open"), ("x-www-browser",), ("sensible-browser",))
"""Of Linux desktops, the most general first."""


def has_display(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a screen to open something on."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def open_on_screen(target: str) -> bool:
    """Opens an address or a file; False where nothing here can."""
    if sys.platform == "win32":
        os.startfile(target)  # noqa: S606  # our own page or file
        return True
    command = _opener(target)
    if command is None:
        return False
    is_frozen = bool(getattr(sys, "frozen", False))
    process = subprocess.Popen(  # noqa: S603  # the system's own opener
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=for_other_programs(os.environ, is_frozen=is_frozen),
    )
    # A browser that is its own opener lives for hours; its end must be seen all the same.
    threading.Thread(target=process.wait, name="opener", daemon=True).start()
    return True


def _opener(target: str) -> list[str] | None:
    if sys.platform == "darwin":
        return ["/usr/bin/open", target]
    if not has_display():
        return None
    for opener in _OPENERS:
        if path := shutil.which(opener[0]):
            return [path, *opener[1:], target]
    return None
