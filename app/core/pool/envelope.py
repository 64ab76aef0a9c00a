"""Envelopes: one binary message each way, taken apart with care for who sent it.

The outer part is read first, so that the size a kind of frame may have is known before its body
becomes objects: a list of a million empty lists is a megabyte on the wire and sixty in memory.
"""

from typing import Final, final

import msgspec

from app.core.pool.happenings import Fault
from app.core.pool.tables import BY_TAG
from app.wire.message import Message
from app.wire.opening import Envelope
from app.wire.pool import FromHost, FromNode

SMALL_BYTES: Final = 16 * 1024
"""Every kind of frame may be as large; only larger ones are looked at twice."""


_NUMBER_MAX: Final = 2**63


class _Tag(msgspec.Struct):
    type: str


_encoder: Final = msgspec.msgpack.Encoder()
_outer: Final = msgspec.msgpack.Decoder(Envelope)
_tag: Final = msgspec.msgpack.Decoder(_Tag)
from_node: Final[msgspec.msgpack.Decoder[FromNode]] = msgspec.msgpack.Decoder(FromNode)
from_host: Final[msgspec.msgpack.Decoder[FromHost]] = msgspec.msgpack.Decoder(FromHost)

Frames = msgspec.msgpack.Decoder[FromNode] | msgspec.msgpack.Decoder[FromHost]


@final
class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope as it came. `frame` is None in a bare acknowledgement and for `unknown`."""

    frame: Message | None
    number: int
    received: int
    unknown: str = ""
    """The word of a frame that this version does not know."""


def encode_envelope(frame: Message | None, *, number: int = 0, received: int = 0) -> bytes:
    """One binary message."""
    if frame is None:
        return _encoder.encode(Envelope(number=number, received=received))
    body = msgspec.Raw(_encoder.encode(frame))
    return _encoder.encode(Envelope(body=body, number=number, received=received))


def size_of(message: Message) -> int:
    """Bytes of an envelope with it, whatever its numbers will be."""
    return len(encode_envelope(message, number=_NUMBER_MAX, received=_NUMBER_MAX))


def decode_envelope(data: bytes, frames: Frames, *, bytes_max: int) -> Incoming | Fault:
    """What a binary message of the peer says; `frames` are those that the peer may send."""
    if len(data) > bytes_max:
        return Fault("too_large", f"a message of {len(data)} bytes came, {bytes_max} are allowed")
    try:
        outer = _outer.decode(data)
        return _with_frame(outer, len(data), frames)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # The error's text may quote the message, so it is told by its kind alone.
        return Fault("malformed", f"a message cannot be read ({type(error).__name__})")


def _with_frame(outer: Envelope, size: int, frames: Frames) -> Incoming | Fault:
    number, received = outer.number, outer.received
    if not outer.body:
        return Incoming(frame=None, number=number, received=received)
    if size > SMALL_BYTES:
        rule = BY_TAG.get(_tag.decode(outer.body).type)
        if rule is None or size > rule.bytes_max:
            word = _tag.decode(outer.body).type if rule else "unknown"
            return Fault("too_large", f"a frame {word[:40]!r} of {size} bytes came")
    try:
        frame = frames.decode(outer.body)
    except msgspec.ValidationError:
        word = _tag.decode(outer.body).type
        if word in BY_TAG:
            raise
        return Incoming(frame=None, number=number, received=received, unknown=word[:40])
    return Incoming(frame=frame, number=number, received=received)
