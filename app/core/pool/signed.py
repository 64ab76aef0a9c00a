"""Signed bytes: statements that are signed once, stored as they were signed and never made again.

A statement is a line that names its kind and version, and msgpack after it. The signature is over
exactly these bytes: whoever verifies reads what is stored, so a later version that encodes
otherwise breaks nothing, and no statement can be passed off as one of another kind.
"""

import hashlib
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from app.core.pool.keys import SIGNATURE_BYTES, Verifier

STATEMENT_BYTES_MAX: Final = 16 * 1024
"""Far above any: they hold numbers and names. A verdict holds a receipt."""

S = TypeVar("S", bound=msgspec.Struct)

_encoder: Final = msgspec.msgpack.Encoder()


class SignedBytes(NamedTuple):
    """A statement with its signature, both as they are stored."""

    body: bytes
    signature: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the body: what the next of a chain names."""
        return hash_of(self.body)

    @property
    def joined(self) -> bytes:
        """Both in one, as `Heartbeat.checkpoint` carries them."""
        return self.body + self.signature


def split_signed(joined: bytes) -> SignedBytes:
    """What `joined` put together; too few bytes give an empty body."""
    cut = max(0, len(joined) - SIGNATURE_BYTES)
    return SignedBytes(joined[:cut], joined[cut:])


def hash_of(body: bytes) -> bytes:
    """SHA-256 of a statement's bytes."""
    return hashlib.sha256(body).digest()


class Form(Generic[S]):
    """One kind and version of statement. Unknown fields are passed over, missing ones refused."""

    def __init__(self, title: str, struct: type[S]) -> None:
        self.line = f"athanor {title}\n".encode()
        self._decoder: msgspec.msgpack.Decoder[S] = msgspec.msgpack.Decoder(struct)

    def encode(self, statement: S) -> bytes:
        """The bytes to sign, and to store."""
        body = self.line + _encoder.encode(statement)
        assert len(body) <= STATEMENT_BYTES_MAX
        return body

    def read(self, body: bytes) -> S | None:
        """The statement; None for bytes of another kind or version, or that are damaged."""
        if not body.startswith(self.line) or len(body) > STATEMENT_BYTES_MAX:
            return None
        try:
            return self._decoder.decode(body[len(self.line) :])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def read_signed(self, signed: SignedBytes, by: str, verify: Verifier) -> S | None:
        """The statement, where `by` signed exactly these bytes; else None."""
        return self.read(signed.body) if verify(by, signed.signature, signed.body) else None
