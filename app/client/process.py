"""Other processes by their id: whether one lives, and waiting for its end without polling."""

import os
import select
import signal
import sys


def is_alive(pid: int) -> bool:
    """Whether a process of that id runs, of whichever user."""
    if not 0 < pid < 2**31:
        return False
    if sys.platform == "win32":
        return not wait_gone(pid, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_gone(pid: int, timeout_seconds: float) -> bool:
    """Whether the process has ended, at the latest after the timeout. It need not be our child."""
    if sys.platform == "win32":
        return _wait_gone_on_windows(pid, timeout_seconds)
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            readable, _, _ = select.select([descriptor], [], [], timeout_seconds)
        finally:
            os.close(descriptor)
        return bool(readable)
    queue = select.kqueue()
    try:
        exits = select.kevent(
            pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, fflags=select.KQ_NOTE_EXIT
        )
        return bool(queue.control([exits], 1, timeout_seconds))
    except ProcessLookupError:
        return True
    finally:
        queue.close()


def kill(pid: int) -> None:
    """End the process at once; it gets no chance to tidy up. Raises: PermissionError."""
    if is_alive(pid):
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def _wait_gone_on_windows(pid: int, timeout_seconds: float) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes  # noqa: PLC0415  # needed on Windows alone

    synchronize, timed_out = 0x00100000, 0x102
    kernel = ctypes.windll.kernel32
    process = kernel.OpenProcess(synchronize, False, pid)
    if not process:
        return True
    try:
        return bool(kernel.WaitForSingleObject(process, int(timeout_seconds * 1000)) != timed_out)
    finally:
        kernel.CloseHandle(process)
