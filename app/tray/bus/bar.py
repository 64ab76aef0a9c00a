"""Bar: whether the desktop's bar is light or dark. Pure; a guess, since no desktop says it.

Both sets of icons can be seen on either bar, so a wrong guess costs beauty alone.
"""

from typing import Final

from app.tray.icons import Bar

DARK_WISHED: Final = 1
"""The portal's color-scheme: 0 no preference, 1 dark, 2 light."""

_FOLLOWING: Final = frozenset(("KDE", "LXQT"))
"""Desktops whose bar follows the light or dark theme; the others have a dark bar by default, Xfce
since 4.16."""


def bar_of(desktop: str, scheme: object) -> Bar:
    """`desktop` is XDG_CURRENT_DESKTOP ("ubuntu:GNOME"), `scheme` the portal's answer, if any."""
    if scheme == DARK_WISHED:
        return "dark"
    names = {name.upper() for name in desktop.split(":")}
    return "light" if names & _FOLLOWING else "dark"
