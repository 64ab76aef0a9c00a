"""Cursor: reads a file's beginning piece by piece, never past its end and never all of it.

Every read is checked against the file's size before it is made, so a length that a hostile file
announces costs nothing. Only a window of the file is in memory.
"""

import struct
from typing import BinaryIO, Final, NoReturn, final

from app.core.base.errors import ModelFileInvalid
from app.core.models.header import REMEDY

WINDOW_BYTES: Final = 256 * 1024
"""What is read at a time; most headers without their vocabulary fit."""

HEADER_BYTES_MAX: Final = 128 * 1024 * 1024
"""Where the tensors must begin at the latest; the largest known vocabulary takes 16 MiB."""

STRINGS_MAX: Final = 8_000_000
"""Strings in all arrays together; the largest known vocabulary has 0.8 million with its merges.
Each has to be stepped over by itself, so this bounds the time."""

STRING_BYTES_MAX: Final = 64 * 1024 * 1024
"""A single string; bounded by the header anyway, and far below where C lengths wrap."""

_UINT64: Final = struct.Struct("<Q")


@final
class Cursor:
    """A position in one open file."""

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        """`size` is the file's, as stat says it."""
        self._file = file
        self._path = path
        self._size = size
        self._window = b""
        self._start = 0
        self._index = 0
        self._strings_left = STRINGS_MAX

    @property
    def offset(self) -> int:
        """Bytes from the beginning of the file."""
        return self._start + self._index

    def refuse(self, reason: str, offset: int | None = None) -> NoReturn:
        """Raises: ModelFileInvalid, with the path, the reason and where in the file it lies."""
        where = self.offset if offset is None else offset
        raise ModelFileInvalid(f"{self._path}: {reason} (at byte {where})", remedy=REMEDY)

    def integer(self, size: int, *, signed: bool = False) -> int:
        """A little-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def uint32(self) -> int:
        """Four bytes."""
        return self.integer(4)

    def uint64(self) -> int:
        """Eight bytes."""
        return self.integer(8)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        self._ensure(count)
        taken = self._window[self._index : self._index + count]
        self._index += count
        return taken

    def skip(self, count: int) -> None:
        """Steps over `count` bytes without reading them."""
        self._check(count)
        if self._index + count <= len(self._window):
            self._index += count
            return
        self._start = self.offset + count
        self._window, self._index = b"", 0

    def string(self, *, longest: int, what: str) -> bytes:
        """A length and that many bytes. Refuses more than `longest`; `what` names it then."""
        begin = self.offset
        length = self.uint64()
        if length > longest:
            self.refuse(f"{what} claims {length} bytes; at most {longest} are allowed", begin)
        return self.take(length)

    def skip_string(self) -> int:
        """Steps over one string; its length."""
        begin = self.offset
        length = self.uint64()
        if length > STRING_BYTES_MAX:
            self.refuse(f"a string claims {length} bytes", begin)
        self.skip(length)
        return length

    def skip_strings(self, count: int, wanted: frozenset[bytes]) -> set[bytes]:
        """Steps over `count` strings; those of `wanted` that are among them."""
        begin = self.offset
        if count > self._strings_left:
            self.refuse(f"a list claims {count} strings; at most {STRINGS_MAX} are allowed")
        self._check(count * _UINT64.size)
        self._strings_left -= count
        missing = {_UINT64.pack(len(word)) + word: word for word in wanted}
        found: set[bytes] = set()
        while count:
            self._ensure(_UINT64.size)
            window_begin = self._index
            passed = self._pass_strings(count)
            found.update(
                written
                for written in missing
                if self._window.find(written, window_begin, self._index) >= 0
            )
            count -= passed
            if not passed and self._index:
                self._fill(WINDOW_BYTES)
            elif not passed:
                # It is longer than a window: no word of any vocabulary is.
                self.refuse(f"a list has a string of {self.skip_string()} bytes", begin)
        return {missing[written] for written in found}

    def _pass_strings(self, count: int) -> int:
        """Steps over at most `count` strings that lie wholly in the window; how many these were."""
        window, index, end = self._window, self._index, len(self._window)
        unpack, last = _UINT64.unpack_from, end - _UINT64.size
        passed = 0
        while passed < count and index <= last:
            after = index + 8 + unpack(window, index)[0]
            if after > end:
                break
            index = after
            passed += 1
        self._index = index
        return passed

    def _ensure(self, count: int) -> None:
        """Makes the next `count` bytes lie in the window."""
        if self._index + count <= len(self._window):
            return
        self._check(count)
        self._fill(max(count, WINDOW_BYTES))
        if len(self._window) < count:
            self.refuse("the file became shorter while it was read")

    def _fill(self, count: int) -> None:
        """Reads a window of `count` bytes from here on, or what the file still has."""
        begin = self.offset
        self._file.seek(begin)
        self._window = self._file.read(count)
        self._start, self._index = begin, 0

    def _check(self, count: int) -> None:
        """Refuses to go past the end of the file or of what a header may take."""
        end = self.offset + count
        if end > self._size:
            self.refuse(f"the file is cut off: {end - self._size} bytes are missing here")
        if end > HEADER_BYTES_MAX:
            self.refuse(f"its header is longer than {HEADER_BYTES_MAX} bytes")
