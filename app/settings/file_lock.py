"""FileLock: the system's lock on an open file. It ends with the process, however that ends."""

import os
import sys
from typing import Final

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE: Final = 1 << 30
    """Windows' locks keep others from reading what is locked: this is far behind the text."""

    def lock_file(file: int) -> None:
        """Lock the open file for this process. Raises: OSError where another one has it."""
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock_file(file: int) -> None:
        """Lock the open file for this process. Raises: OSError where another one has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
