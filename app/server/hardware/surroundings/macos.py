"""macOS: since when nobody touched keyboard or mouse, and whether a window covers the whole screen.

The idle time is a property of the HID system in the I/O registry; the windows are those that the
window server lists, which needs no permission as long as their titles are not asked for.
Source: developer.apple.com, IOKit and Quartz Window Services.
"""

import ctypes
import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from app.core.sharing.facts import Unknown

_NANOSECONDS: Final = 1e9


class Window(NamedTuple):
    """A window on the screen: its level (0: an ordinary one) and its place in points."""

    layer: int
    x: float
    y: float
    width: float
    height: float


def idle_of_nanoseconds(nanoseconds: int) -> float:
    """Seconds of a HIDIdleTime."""
    return nanoseconds / _NANOSECONDS


def covers(windows: Iterable[Window], screen: Window) -> bool:
    """Whether an ordinary window has the whole screen, the menu bar's place too."""
    return any(
        window.layer == 0
        and window.x <= screen.x
        and window.y <= screen.y
        and window.x + window.width >= screen.x + screen.width
        and window.y + window.height >= screen.y + screen.height
        for window in windows
    )


if sys.platform == "darwin":
    _pointer = ctypes.c_void_p
    _UTF8: Final = 0x08000100
    _INT64: Final = 4
    _ON_SCREEN_WITHOUT_DESKTOP: Final = 1 | 16
    _FRAMEWORKS: Final = "/System/Library/Frameworks"
    _cf = ctypes.CDLL(f"{_FRAMEWORKS}/CoreFoundation.framework/CoreFoundation")
    _io = ctypes.CDLL(f"{_FRAMEWORKS}/IOKit.framework/IOKit")
    _cg = ctypes.CDLL(f"{_FRAMEWORKS}/CoreGraphics.framework/CoreGraphics")

    class _Rect(ctypes.Structure):
        _fields_ = tuple((name, ctypes.c_double) for name in ("x", "y", "width", "height"))

    _cf.CFStringCreateWithCString.restype = _pointer
    _cf.CFStringCreateWithCString.argtypes = (_pointer, ctypes.c_char_p, ctypes.c_uint32)
    _cf.CFNumberGetValue.argtypes = (_pointer, ctypes.c_long, _pointer)
    _cf.CFRelease.argtypes = (_pointer,)
    _cf.CFArrayGetCount.restype, _cf.CFArrayGetCount.argtypes = ctypes.c_long, (_pointer,)
    _cf.CFArrayGetValueAtIndex.restype = _pointer
    _cf.CFArrayGetValueAtIndex.argtypes = (_pointer, ctypes.c_long)
    _cf.CFDictionaryGetValue.restype = _pointer
    _cf.CFDictionaryGetValue.argtypes = (_pointer, _pointer)
    _io.IOServiceMatching.restype, _io.IOServiceMatching.argtypes = _pointer, (ctypes.c_char_p,)
    _io.IOServiceGetMatchingService.argtypes = (ctypes.c_uint, _pointer)
    _io.IORegistryEntryCreateCFProperty.restype = _pointer
    _io.IORegistryEntryCreateCFProperty.argtypes = (
        *(ctypes.c_uint, _pointer, _pointer, ctypes.c_uint),
    )
    _io.IOObjectRelease.argtypes = (ctypes.c_uint,)
    _cg.CGWindowListCopyWindowInfo.restype = _pointer
    _cg.CGWindowListCopyWindowInfo.argtypes = (ctypes.c_uint32, ctypes.c_uint32)
    _cg.CGRectMakeWithDictionaryRepresentation.argtypes = (_pointer, _pointer)
    _cg.CGDisplayBounds.restype, _cg.CGDisplayBounds.argtypes = _Rect, (ctypes.c_uint32,)

    def _text(text: bytes) -> int:
        """A CFString, which lives as long as this module."""
        made: int = _cf.CFStringCreateWithCString(None, text, _UTF8)
        return made

    _IDLE, _LAYER, _BOUNDS = map(_text, (b"HIDIdleTime", b"kCGWindowLayer", b"kCGWindowBounds"))

    def idle_seconds() -> float | Unknown:
        """Since the last input."""
        service = _io.IOServiceGetMatchingService(0, _io.IOServiceMatching(b"IOHIDSystem"))
        if not service:
            return Unknown(why="macOS shows no input system")
        number = _io.IORegistryEntryCreateCFProperty(service, _IDLE, None, 0)
        _io.IOObjectRelease(service)
        if not number:
            return Unknown(why="macOS does not tell the last input")
        value = ctypes.c_int64()
        _cf.CFNumberGetValue(number, _INT64, ctypes.byref(value))
        _cf.CFRelease(number)
        return idle_of_nanoseconds(value.value)

    def full_screen() -> bool | Unknown:
        """Whether a window covers the whole of the main screen."""
        listed = _cg.CGWindowListCopyWindowInfo(_ON_SCREEN_WITHOUT_DESKTOP, 0)
        if not listed:
            return Unknown(why="there is no screen to be seen from this session")
        try:
            bounds = _cg.CGDisplayBounds(_cg.CGMainDisplayID())
            screen = Window(0, bounds.x, bounds.y, bounds.width, bounds.height)
            return covers(_windows(listed), screen)
        finally:
            _cf.CFRelease(listed)

    def _windows(listed: int) -> Iterator[Window]:
        for index in range(_cf.CFArrayGetCount(listed)):
            entry = _cf.CFArrayGetValueAtIndex(listed, index)
            layer, rect = ctypes.c_int64(), _Rect()
            number = _cf.CFDictionaryGetValue(entry, _LAYER)
            place = _cf.CFDictionaryGetValue(entry, _BOUNDS)
            if number and place:
                _cf.CFNumberGetValue(number, _INT64, ctypes.byref(layer))
                _cg.CGRectMakeWithDictionaryRepresentation(place, ctypes.byref(rect))
                yield Window(layer.value, rect.x, rect.y, rect.width, rect.height)

else:

    def idle_seconds() -> float | Unknown:
        """Asked on macOS alone."""
        return Unknown(why="this is no macOS")

    def full_screen() -> bool | Unknown:
        """Asked on macOS alone."""
        return Unknown(why="this is no macOS")
