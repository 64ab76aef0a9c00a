"""Quiet thread: gives the calling thread the lowest priority for CPU and disk that the system has.

Only the thread, never the process: the server's answers stay quick. Where a system knows no such
thing the thread runs as any other.
"""

import contextlib
import ctypes
import os
import sys
import threading
from typing import Final

_LOWEST_NICENESS: Final = 19
_WINDOWS_BACKGROUND_BEGIN: Final = 0x00010000
"""THREAD_MODE_BACKGROUND_BEGIN: lowers CPU, disk and memory priority together."""
_MACOS_QOS_BACKGROUND: Final = 0x09
"""QOS_CLASS_BACKGROUND: efficiency cores, throttled disk."""


def run_quietly() -> None:
    """Lowers this thread for the rest of its life. Call it in a thread of your own."""
    assert threading.current_thread() is not threading.main_thread(), "it cannot be taken back"
    if sys.platform == "linux":
        # Linux takes a thread's id here, and derives the disk's priority from the niceness.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_NICENESS)
    elif sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        # A bare int would be cut to 32 bits, and the pseudo handle is -2.
        thread = ctypes.c_void_p(kernel.GetCurrentThread())
        kernel.SetThreadPriority(thread, _WINDOWS_BACKGROUND_BEGIN)
    elif sys.platform == "darwin":
        with contextlib.suppress(OSError, AttributeError):
            system = ctypes.CDLL("libSystem.dylib")
            system.pthread_set_qos_class_self_np(_MACOS_QOS_BACKGROUND, 0)
