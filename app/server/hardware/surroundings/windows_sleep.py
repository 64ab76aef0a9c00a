"""WindowsSleep: Windows' word that the machine is about to sleep, for a program without a window.

`PowerRegisterSuspendResumeNotification` calls a function of ours in a thread of the system, which
waits for its return about two seconds before it suspends.

Not yet run on a real Windows: the machines of this project's tests are Linux.
Source: learn.microsoft.com, powrprof.h and "WM_POWERBROADCAST".
"""

import ctypes
import sys
import threading
from typing import Final, final

from app.server.hardware.surroundings.sleep_signals import Hear, SleepUntold, SleepWord

_SUSPEND: Final = 4
"""PBT_APMSUSPEND."""
_RESUMED: Final = 0x12
"""PBT_APMRESUMEAUTOMATIC: comes after every sleep, whether or not somebody is there."""
_CALL_BACK: Final = 2
"""DEVICE_NOTIFY_CALLBACK."""


def word_of_power_event(event: int) -> SleepWord | None:
    """The meaning of a PBT_APM event; None for what is no sleep."""
    if event == _SUSPEND:
        return "sleeps"
    return "woke" if event == _RESUMED else None


if sys.platform == "win32":
    _Callback = ctypes.WINFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p)

    class _Parameters(ctypes.Structure):
        _fields_ = (("callback", _Callback), ("context", ctypes.c_void_p))

    @final
    class WindowsSleep:
        """See SleepSignals."""

        def __init__(self) -> None:
            self._ended = threading.Event()

        def run(self, hear: Hear) -> None:
            """See SleepSignals."""

            def on_event(_: int, event: int, __: int) -> int:
                word = word_of_power_event(event)
                if word is not None:
                    hear(word)
                return 0

            # Both must live as long as the registration: Windows keeps pointers to them.
            parameters = _Parameters(callback=_Callback(on_event), context=None)
            registration = ctypes.c_void_p()
            power = ctypes.windll.powrprof
            failed = power.PowerRegisterSuspendResumeNotification(
                _CALL_BACK, ctypes.byref(parameters), ctypes.byref(registration)
            )
            if failed:
                raise SleepUntold(f"Windows does not tell: error {failed}")
            try:
                self._ended.wait()
            finally:
                power.PowerUnregisterSuspendResumeNotification(registration)

        def close(self) -> None:
            """See SleepSignals."""
            self._ended.set()
