"""X11: since when nobody touched keyboard or mouse, and whether a window covers the whole screen.

Xlib and its screen-saver extension are called through ctypes, on a connection of our own. Xlib ends
the process when its connection breaks, and when an error is not handled: both handlers are
replaced, and after a broken connection the display is not touched again.

Under Wayland an X server (XWayland) sees its own windows alone, so there it is not asked.
"""

import ctypes
import ctypes.util
import os
from typing import Final, final

from app.core.sharing.facts import Unknown

_SUCCESS: Final = 0
_ANY_PROPERTY: Final = 0
_ATOMS_MAX: Final = 64

_NO_DISPLAY: Final = Unknown(why="no X display")
_GONE: Final = Unknown(why="the X server is gone")
_NO_EXTENSION: Final = Unknown(why="the X server has no screen-saver extension")
_WAYLAND: Final = Unknown(why="Wayland shows no program what others do")


class _ScreenSaver(ctypes.Structure):
    _fields_ = (
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("til_or_since", ctypes.c_ulong),
        ("idle_ms", ctypes.c_ulong),
        ("event_mask", ctypes.c_ulong),
    )


_ON_ERROR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_ON_LOST = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_ON_BREAK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


@final
class X11:
    """One display, opened at the first question. Used by one thread at a time."""

    def __init__(self, display: str | None = None) -> None:
        self._name = os.environ.get("DISPLAY", "") if display is None else display
        self._is_wayland = display is None and bool(os.environ.get("WAYLAND_DISPLAY"))
        self._display: int | None = None
        self._why: Unknown | None = None
        self._is_broken = False

    def idle_seconds(self) -> float | Unknown:
        """Since the last input at this display."""
        if (why := self._not_open()) is not None:
            return why
        if self._saver is None:
            return Unknown(why="the X screen-saver extension (libXss) is missing")
        root = self._x.XDefaultRootWindow(self._display)
        info = self._saver.XScreenSaverAllocInfo()
        try:
            if not self._saver.XScreenSaverQueryInfo(self._display, root, info):
                return _GONE if self._is_broken else _NO_EXTENSION
            return float(info.contents.idle_ms) / 1000
        finally:
            self._x.XFree(info)

    def full_screen(self) -> bool | Unknown:
        """Whether the active window covers the whole screen, as its window manager says."""
        if (why := self._not_open()) is not None:
            return why
        root = self._x.XDefaultRootWindow(self._display)
        if not self._values(root, b"_NET_SUPPORTING_WM_CHECK"):
            return Unknown(why="no window manager tells (EWMH)")
        active = self._values(root, b"_NET_ACTIVE_WINDOW")
        if not active or not active[0]:
            return False
        wanted = self._atom(b"_NET_WM_STATE_FULLSCREEN")
        states = self._values(active[0], b"_NET_WM_STATE")
        return _GONE if self._is_broken else wanted in states

    def close(self) -> None:
        """Let the display go."""
        if self._display is not None and not self._is_broken:
            self._x.XCloseDisplay(self._display)
        self._display = None

    # --- Xlib ---

    def _not_open(self) -> Unknown | None:
        """Why the display cannot be asked; None when it can."""
        if self._is_broken:
            return _GONE
        if self._display is None and self._why is None:
            self._why = self._open()
        return self._why

    def _open(self) -> Unknown | None:
        if self._is_wayland:
            return _WAYLAND
        if not self._name:
            return _NO_DISPLAY
        try:
            self._x = ctypes.CDLL("libX11.so.6")
        except OSError:
            return Unknown(why="libX11 is missing")
        if not hasattr(self._x, "XSetIOErrorExitHandler"):
            return Unknown(why="libX11 is older than 1.7, which ends its users with the X server")
        self._declare()
        self._display = self._x.XOpenDisplay(self._name.encode())
        if not self._display:
            self._display = None
            return Unknown(why=f"the X display {self._name} cannot be opened")
        # Kept by this object, or C would call freed memory.
        self._on_error = _ON_ERROR(lambda *_: 0)
        self._on_break = _ON_BREAK(self._break)
        self._on_lost = _ON_LOST(lambda _: 0)
        self._x.XSetErrorHandler(self._on_error)
        # The handler of all displays ends the process, so does that of this one: both are ours.
        self._x.XSetIOErrorHandler(self._on_lost)
        display = ctypes.c_void_p(self._display)
        self._x.XSetIOErrorExitHandler(display, self._on_break, None)
        return None

    def _break(self, *_: object) -> None:
        self._is_broken = True

    def _declare(self) -> None:
        window, pointer, number = ctypes.c_ulong, ctypes.c_void_p, ctypes.c_long
        x = self._x
        x.XOpenDisplay.restype, x.XOpenDisplay.argtypes = pointer, (ctypes.c_char_p,)
        x.XCloseDisplay.argtypes = x.XFree.argtypes = (pointer,)
        x.XDefaultRootWindow.restype, x.XDefaultRootWindow.argtypes = window, (pointer,)
        x.XInternAtom.restype = window
        x.XInternAtom.argtypes = (pointer, ctypes.c_char_p, ctypes.c_int)
        x.XGetWindowProperty.argtypes = (
            *(pointer, window, window, number, number, ctypes.c_int, window),
            *(pointer, pointer, pointer, pointer, pointer),
        )
        self._saver: ctypes.CDLL | None = None
        try:
            saver = ctypes.CDLL("libXss.so.1")
        except OSError:
            return
        saver.XScreenSaverAllocInfo.restype = ctypes.POINTER(_ScreenSaver)
        saver.XScreenSaverQueryInfo.argtypes = (pointer, window, ctypes.POINTER(_ScreenSaver))
        self._saver = saver

    def _atom(self, name: bytes) -> int:
        return int(self._x.XInternAtom(self._display, name, 0))

    def _values(self, window: int, name: bytes) -> list[int]:
        """A property of 32-bit values, which Xlib hands over as longs; [] where it is not set."""
        kind, form = ctypes.c_ulong(), ctypes.c_int()
        count, left = ctypes.c_ulong(), ctypes.c_ulong()
        found = ctypes.POINTER(ctypes.c_ulong)()
        status = self._x.XGetWindowProperty(
            *(self._display, window, self._atom(name), 0, _ATOMS_MAX, 0, _ANY_PROPERTY),
            *map(ctypes.byref, (kind, form, count, left, found)),
        )
        if self._is_broken or status != _SUCCESS or not count.value:
            return []
        values = found[: count.value] if form.value == 32 else []
        self._x.XFree(found)
        return list(values)
