"""Allowance: how much memory of its own this process may take.

For children that read what strangers sent and need little: one that is led to take more fails, by
an error of that request or by its end, and the machine does not. Linux holds a process to it;
elsewhere whoever started the child has only its own limit of time.
"""

import contextlib
import sys

if sys.platform == "linux":
    import resource

    def hold_memory(size: int) -> None:
        """From now on at most `size` bytes of memory that is not shared with files."""
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = size if most == resource.RLIM_INFINITY else min(size, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, most))

else:

    def hold_memory(size: int) -> None:
        """The system has no such limit that holds."""
        del size
