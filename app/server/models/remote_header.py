"""Remote header: the card of a model that is still at the hub, by reading the begin of its files.

A header with a vocabulary of 150,000 words takes 6 MB, of which the lists of scores are stepped
over. It is read in pieces that grow, and reading stops with the last byte of the header, so a card
costs a few requests. The same reader as for files on disk decides what is sound (gguf.py).
"""

import io
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, final

from app.core.downloads.download import File
from app.core.models.card import ModelCard
from app.core.models.describe import card_of
from app.server.models.gguf import parse

PIECE_BYTES_MIN: Final = 256 * 1024
PIECE_BYTES_MAX: Final = 1024**2

ReadRange = Callable[[str, int, int], bytes]
"""Bytes of the file at a path, from an offset, at most so many. Raises what the network does."""


def read_remote_card(files: Sequence[File], read_range: ReadRange) -> ModelCard:
    """The card of the model whose parts these are, in order. Blocks for some requests.

    Raises: ModelFileInvalid, and what `read_range` raises.
    """
    headers = []
    for file in files:
        source = io.BufferedReader(RangeFile(file, read_range), PIECE_BYTES_MIN)
        headers.append(parse(source, file.path, file.size))
    return card_of(headers)


@final
class RangeFile(io.RawIOBase):
    """A remote file to read from; only what is read is fetched, in pieces that grow."""

    def __init__(self, file: File, read_range: ReadRange) -> None:
        super().__init__()
        self._file = file
        self._read_range = read_range
        self._position = 0
        self._pieces: deque[tuple[int, bytes]] = deque(maxlen=2)
        """Begin and content. The reader goes back a little at the end of each window of its own,
        which may lie in the piece before the last."""
        self._piece_bytes = PIECE_BYTES_MIN

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, and what is jumped over is not fetched."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to an offset; from the begin, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fills the buffer as far as the file and the present piece reach."""
        wanted = min(len(buffer), self._file.size - self._position)
        if wanted <= 0:
            return 0
        begin, piece = self._held() or self._fetch(wanted)
        at = self._position - begin
        taken = piece[at : at + wanted]
        buffer[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)

    def _held(self) -> tuple[int, bytes] | None:
        """The piece that has the next byte."""
        for begin, piece in self._pieces:
            if 0 <= self._position - begin < len(piece):
                return begin, piece
        return None

    def _fetch(self, wanted: int) -> tuple[int, bytes]:
        length = min(max(wanted, self._piece_bytes), self._file.size - self._position)
        piece = self._read_range(self._file.path, self._position, length)
        if not piece:
            raise OSError("the hub sent nothing")
        self._piece_bytes = min(PIECE_BYTES_MAX, 2 * self._piece_bytes)
        self._pieces.append((self._position, piece))
        return self._position, piece
