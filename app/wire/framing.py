"""Framing: messages as length-prefixed msgpack on a byte stream.

A frame is a 4-byte big-endian length and that many bytes of msgpack, one Struct of a tagged union.
Both ends of the pipe are the same program, so there is no version in the frame; the first message
of the engine carries it. A frame past `FRAME_BYTES_MAX` is a bug or an attack and ends the channel.
"""

import struct
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

import msgspec

FRAME_BYTES_MAX: Final = 256 * 1024 * 1024
"""Far above any request (the web edge refuses bodies long before), far below the machine."""

_HEADER: Final = struct.Struct(">I")

M = TypeVar("M")


class FrameTooLarge(ValueError):
    """The peer announced a frame past `FRAME_BYTES_MAX`; the stream cannot be trusted further."""


_encoder: Final = msgspec.msgpack.Encoder()


def encode_frame(message: msgspec.Struct) -> bytes:
    """One frame, ready to be written whole."""
    body = _encoder.encode(message)
    return _HEADER.pack(len(body)) + body


class FrameReader(Generic[M]):
    """Turns bytes as they come into messages of the union `M`; keeps what is incomplete."""

    def __init__(self, union: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(union)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """The messages that `data` completes, in order.

        Raises: FrameTooLarge, msgspec.DecodeError when the peer does not speak this protocol.
        """
        self._buffer += data
        offset = 0
        try:
            while len(self._buffer) - offset >= _HEADER.size:
                (size,) = _HEADER.unpack_from(self._buffer, offset)
                if size > FRAME_BYTES_MAX:
                    raise FrameTooLarge(f"a frame of {size} bytes was announced")
                end = offset + _HEADER.size + size
                if len(self._buffer) < end:
                    break
                with memoryview(self._buffer) as view:
                    message = self._decoder.decode(view[offset + _HEADER.size : end])
                offset = end
                yield message
        finally:
            del self._buffer[:offset]
