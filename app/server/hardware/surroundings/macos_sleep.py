"""MacosSleep: IOKit's word that the machine is about to sleep.

`IORegisterForSystemPower` calls a function of ours in the run loop of a thread; the system waits
until `IOAllowPowerChange` is called, at most thirty seconds.

Not yet run on a real macOS: the machines of this project's tests are Linux.
Source: developer.apple.com, Technical Q&A QA1340 and IOPMLib.h, IOMessage.h.
"""

import ctypes
import sys
from typing import Final, final

from app.server.hardware.surroundings.sleep_signals import Hear, SleepUntold, SleepWord

_CAN_SLEEP: Final = 0xE0000270
"""kIOMessageCanSystemSleep: may it, as it has been idle?"""
_WILL_SLEEP: Final = 0xE0000280
_POWERED_ON: Final = 0xE0000300
"""kIOMessageSystemHasPoweredOn: devices are awake."""


def word_of_message(message: int) -> SleepWord | None:
    """The meaning of a message of IOKit's power management; None for what is no sleep."""
    if message == _WILL_SLEEP:
        return "sleeps"
    return "woke" if message == _POWERED_ON else None


def wants_leave(message: int) -> bool:
    """Whether the system waits for our leave: who does not give it holds up every sleep."""
    return message in (_CAN_SLEEP, _WILL_SLEEP)


if sys.platform == "darwin":
    _pointer = ctypes.c_void_p
    _FRAMEWORKS: Final = "/System/Library/Frameworks"
    _cf = ctypes.CDLL(f"{_FRAMEWORKS}/CoreFoundation.framework/CoreFoundation")
    _io = ctypes.CDLL(f"{_FRAMEWORKS}/IOKit.framework/IOKit")
    _Callback = ctypes.CFUNCTYPE(None, _pointer, ctypes.c_uint32, ctypes.c_uint32, _pointer)

    _io.IORegisterForSystemPower.restype = ctypes.c_uint32
    _io.IORegisterForSystemPower.argtypes = (_pointer, _pointer, _Callback, _pointer)
    _io.IODeregisterForSystemPower.argtypes = (_pointer,)
    _io.IOAllowPowerChange.argtypes = (ctypes.c_uint32, ctypes.c_long)
    _io.IOServiceClose.argtypes = (ctypes.c_uint32,)
    _io.IONotificationPortGetRunLoopSource.restype = _pointer
    _io.IONotificationPortGetRunLoopSource.argtypes = (_pointer,)
    _io.IONotificationPortDestroy.argtypes = (_pointer,)
    _cf.CFRunLoopGetCurrent.restype = _pointer
    _cf.CFRunLoopAddSource.argtypes = (_pointer, _pointer, _pointer)
    _cf.CFRunLoopStop.argtypes = (_pointer,)
    _cf.CFRunLoopWakeUp.argtypes = (_pointer,)

    @final
    class MacosSleep:
        """See SleepSignals."""

        def __init__(self) -> None:
            self._loop: int | None = None
            self._is_closed = False

        def run(self, hear: Hear) -> None:
            """See SleepSignals."""
            port, notifier = _pointer(), ctypes.c_uint32()

            def on_message(_: int, __: int, message: int, argument: int) -> None:
                word = word_of_message(message)
                try:
                    if word is not None:
                        hear(word)
                finally:
                    if wants_leave(message):
                        _io.IOAllowPowerChange(root, argument or 0)

            # It must live as long as the registration: IOKit keeps a pointer to it.
            callback = _Callback(on_message)
            root = _io.IORegisterForSystemPower(
                None, ctypes.byref(port), callback, ctypes.byref(notifier)
            )
            if not root:
                raise SleepUntold("macOS does not tell: IOKit took no registration")
            self._loop = _cf.CFRunLoopGetCurrent()
            mode = _pointer.in_dll(_cf, "kCFRunLoopDefaultMode")
            source = _io.IONotificationPortGetRunLoopSource(port)
            _cf.CFRunLoopAddSource(self._loop, source, mode)
            try:
                if not self._is_closed:
                    _cf.CFRunLoopRun()
            finally:
                _io.IODeregisterForSystemPower(ctypes.byref(notifier))
                _io.IOServiceClose(root)
                _io.IONotificationPortDestroy(port)

        def close(self) -> None:
            """See SleepSignals."""
            self._is_closed = True
            if self._loop is not None:
                _cf.CFRunLoopStop(self._loop)
                _cf.CFRunLoopWakeUp(self._loop)
