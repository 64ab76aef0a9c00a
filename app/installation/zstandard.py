"""Zstandard: reads a .zst by the system's libzstd, which every Linux with dpkg or systemd has.

Python has no reader of its own before 3.14, and a library for it would weigh more in the bundle
than the archive saves.
"""

import ctypes
import ctypes.util
import io
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed

_LIBRARIES: Final = ("libzstd.so.1", "libzstd.so")
_READ_BYTES: Final = 1 << 17


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer, which have the same fields."""

    _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t))


@final
class ZstandardFile(io.RawIOBase):
    """The unpacked bytes of a file, read from begin to end once.

    Raises: UpdateFailed where the system has no libzstd, or the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._library = _library()
        self._file = path.open("rb")
        self._stream = self._library.ZSTD_createDStream()
        self._packed = ctypes.create_string_buffer(_READ_BYTES)
        self._input = _Buffer(ctypes.addressof(self._packed), 0, 0)
        self._left = 0
        """What the library said of the frame: 0 when one is complete."""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io gives it
        """Fills the buffer as far as it can; 0 at the end."""
        unpacked = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        output = _Buffer(ctypes.addressof(unpacked), len(buffer), 0)
        while not output.position:
            if self._input.position == self._input.size and not self._refill():
                if self._left:
                    raise UpdateFailed("the archive ends too early", remedy="Fetch it again.")
                return 0
            self._left = self._library.ZSTD_decompressStream(
                self._stream, ctypes.byref(output), ctypes.byref(self._input)
            )
            if self._library.ZSTD_isError(self._left):
                raise UpdateFailed("the archive is damaged", remedy="Fetch it again.")
        return int(output.position)

    def close(self) -> None:
        """Gives the library's memory back."""
        if not self.closed:
            self._library.ZSTD_freeDStream(self._stream)
            self._file.close()
        super().close()

    def _refill(self) -> bool:
        count = self._file.readinto(memoryview(self._packed))
        self._input.size, self._input.position = count, 0
        return count > 0


def _library() -> ctypes.CDLL:
    for name in (*_LIBRARIES, ctypes.util.find_library("zstd") or ""):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is None:
            continue
        library.ZSTD_createDStream.restype = ctypes.c_void_p
        library.ZSTD_freeDStream.argtypes = (ctypes.c_void_p,)
        library.ZSTD_decompressStream.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        library.ZSTD_decompressStream.restype = ctypes.c_size_t
        library.ZSTD_isError.argtypes = (ctypes.c_size_t,)
        return library
    raise UpdateFailed(
        "this system has no libzstd, by which the archive is read",
        remedy="Install it (Debian: libzstd1), or unpack the archive by hand.",
    )
