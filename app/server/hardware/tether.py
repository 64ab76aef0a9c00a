"""Tether: a child that cannot outlive the server, nor leave anything of itself behind.

The child's own sign is the end of its stdin, which comes however the server dies. Here is what
holds when the child does not listen: on Linux the kernel kills it with its parent; on Windows it
lies in a job that is killed when its last handle, ours, is closed; elsewhere the end of stdin has
to do. Everywhere it leads a process group of its own, so that Ctrl-C in a terminal reaches the
server alone and `kill` reaches whatever the child started.
"""

import contextlib
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from typing import Final, final

if sys.platform == "linux":
    _PR_SET_PDEATHSIG: Final = 1
    # Looked up before any fork: a child may do nothing that takes a lock.
    _prctl = ctypes.CDLL(None, use_errno=True).prctl

    def _die_with_parent() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    BEFORE_EXEC: Callable[[], None] | None = _die_with_parent
else:
    BEFORE_EXEC = None

NEW_SESSION: Final = sys.platform != "win32"
CREATION_FLAGS: Final = 0x00000200 if sys.platform == "win32" else 0
"""CREATE_NEW_PROCESS_GROUP."""


@final
class Tether:
    """The hold on one running child."""

    def __init__(self, child: Process) -> None:
        self._child = child
        self._job = _job_of(child.pid) if sys.platform == "win32" else None

    def kill(self) -> None:
        """End the child and all it started, now. Harmless when it has ended."""
        if self._child.returncode is not None:
            return
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()

    def close(self) -> None:
        """Let go of the system's objects, after the child has ended."""
        if self._job is not None:
            _close_job(self._job)
            self._job = None


if sys.platform == "win32":
    from ctypes import wintypes

    _KILL_ON_JOB_CLOSE = 0x2000
    _EXTENDED_LIMIT_INFORMATION = 9
    _PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
            ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("BasicLimitInformation", _BasicLimits),
            ("IoInfo", ctypes.c_uint64 * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    for _name, _result, _arguments in (
        ("CreateJobObjectW", wintypes.HANDLE, (ctypes.c_void_p, wintypes.LPCWSTR)),
        ("OpenProcess", wintypes.HANDLE, (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)),
        ("AssignProcessToJobObject", wintypes.BOOL, (wintypes.HANDLE, wintypes.HANDLE)),
        ("CloseHandle", wintypes.BOOL, (wintypes.HANDLE,)),
        (
            "SetInformationJobObject",
            wintypes.BOOL,
            (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD),
        ),
    ):
        getattr(_kernel, _name).restype = _result
        getattr(_kernel, _name).argtypes = _arguments

    def _job_of(pid: int) -> int | None:
        """A job that kills the process when it is closed; None when the system refuses one."""
        job: int | None = _kernel.CreateJobObjectW(None, None)
        process = _kernel.OpenProcess(_PROCESS_SET_QUOTA_AND_TERMINATE, False, pid)
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        done = (
            job
            and process
            and _kernel.SetInformationJobObject(
                job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
            )
            and _kernel.AssignProcessToJobObject(job, process)
        )
        if process:
            _kernel.CloseHandle(process)
        if job and not done:
            _kernel.CloseHandle(job)
        return job if done else None

    def _close_job(job: int) -> None:
        _kernel.CloseHandle(job)

else:

    def _job_of(pid: int) -> int | None:
        """Jobs are Windows'."""
        del pid
        return None

    def _close_job(job: int) -> None:
        del job
