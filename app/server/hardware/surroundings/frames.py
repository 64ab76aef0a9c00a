"""Frames: messages of D-Bus as bytes, as much of them as questions, answers and signals take.

Arguments are strings; of an answer or a signal the first value is read, or a variant's.

Source: D-Bus specification 0.43, "Message protocol", "Type system".
"""

import struct
from collections.abc import Mapping
from typing import Final, final

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
"""Kinds of messages."""
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
"""Fields of a message's head."""
_NO_AUTO_START: Final = 2
_FIXED: Final[Mapping[str, tuple[str, int]]] = {
    "y": ("<B", 1),
    "b": ("<I", 4),
    "n": ("<h", 2),
    "q": ("<H", 2),
    "i": ("<i", 4),
    "u": ("<I", 4),
    "x": ("<q", 8),
    "t": ("<Q", 8),
    "d": ("<d", 8),
    "h": ("<I", 4),
}
"""`h` is an index into the open files that came along."""

Value = bool | int | float | str


def call_frame(
    serial: int, service: str, path: str, method: str, arguments: tuple[str, ...]
) -> bytes:
    """The bytes of a method call. `method` is `interface.Member`."""
    interface, _, member = method.rpartition(".")
    body = b""
    for argument in arguments:
        body = _aligned(body, 4) + _text(argument)
    fields = b""
    for code, kind, text in (
        (PATH, "o", path),
        (INTERFACE, "s", interface),
        (MEMBER, "s", member),
        (DESTINATION, "s", service),
    ):
        fields = _aligned(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0" + _text(text)
    if arguments:
        signature = b"s" * len(arguments)
        fields = _aligned(fields, 8) + bytes([SIGNATURE, 1]) + b"g\0"
        fields += bytes([len(signature)]) + signature + b"\0"
    head = struct.pack("<cBBBIII", b"l", CALL, _NO_AUTO_START, 1, len(body), serial, len(fields))
    return _aligned(head + fields, 8) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _aligned(data: bytes, boundary: int) -> bytes:
    return data + b"\0" * (-len(data) % boundary)


@final
class Reader:
    """Values one after the other, each at its alignment."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def align(self, boundary: int) -> None:
        """Skip the padding before what begins at a multiple of `boundary`."""
        self.at += -self.at % boundary

    def value(self, kind: str) -> Value:
        """The next value. Raises: KeyError for a kind that is not basic."""
        if kind == "v":
            length = self._data[self.at]
            inner = self._data[self.at + 1 : self.at + 1 + length].decode()
            self.at += length + 2
            return self.value(inner)
        if kind in "so":
            self.align(4)
            (length,) = struct.unpack_from("<I", self._data, self.at)
            return self._text(4, length)
        if kind == "g":
            return self._text(1, self._data[self.at])
        form, size = _FIXED[kind]
        self.align(size)
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += size
        number: int | float = value
        return bool(number) if kind == "b" else number

    def _text(self, prefix: int, length: int) -> str:
        begin = self.at + prefix
        text = self._data[begin : begin + length].decode()
        self.at = begin + length + 1
        return text
