"""Bar: whether the system's bar is light or dark."""

import sys
from typing import Final

from app.tray.icons import Bar

_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"


def bar_here() -> Bar:
    """By what the system says; where it says nothing, the bar is dark, as most are."""
    if sys.platform == "darwin":
        return "mask"
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  # on Windows alone

        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _KEY) as key:
                is_light = bool(winreg.QueryValueEx(key, "SystemUsesLightTheme")[0])
        except OSError:
            return "dark"
        return "light" if is_light else "dark"
    return "dark"
