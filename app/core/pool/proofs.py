"""Proofs: what a device's and a pool's key sign when a session opens, as bytes.

Each statement begins with a line of its own, so that no signature made for one purpose serves for
another, and covers the messages that went before byte for byte: who stands between the two can
neither change a word of them, nor show one pool's challenge to a node as another pool's.
"""

import hashlib
from typing import Final

from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import Microseconds
from app.core.pool.keys import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Verifier

NONCE_BYTES: Final = 32
SEALING_CARD_BYTES: Final = PUBLIC_KEY_BYTES + SIGNATURE_BYTES


def host_statement(
    hello: bytes, *, version: int, pool: PoolId, nonce: bytes, at: Microseconds
) -> bytes:
    """What the pool's key signs in `Challenge`; `hello` is the envelope as it came."""
    return (
        b"athanor pool host 1\n"
        + hashlib.sha256(hello).digest()
        + version.to_bytes(4, "big")
        + bytes.fromhex(pool)
        + nonce
        + at.to_bytes(8, "big")
    )


def node_statement(hello: bytes, challenge: bytes, invite: str = "") -> bytes:
    """What the device's key signs in `Proof`; both envelopes as they were on the wire."""
    return (
        b"athanor pool node 1\n"
        + hashlib.sha256(hello).digest()
        + hashlib.sha256(challenge).digest()
        + hashlib.sha256(invite.encode()).digest()
    )


def sealing_statement(sealing_key: bytes) -> bytes:
    """What the device's key signs of its X25519 key."""
    return b"athanor sealing key 1\n" + sealing_key


def sealing_card(sealing_key: bytes, signature: bytes) -> bytes:
    """Key and signature in one, as `Quote.sealing` has them: 96 bytes."""
    assert len(sealing_key) == PUBLIC_KEY_BYTES
    assert len(signature) == SIGNATURE_BYTES
    return sealing_key + signature


def sealing_key_of(card: bytes, device: DeviceId, verify: Verifier) -> bytes | None:
    """The X25519 key of a card that `device` signed; None where it did not."""
    key, signature = card[:PUBLIC_KEY_BYTES], card[PUBLIC_KEY_BYTES:]
    is_card = len(card) == SEALING_CARD_BYTES
    return key if is_card and verify(device, signature, sealing_statement(key)) else None


def is_key(text: str) -> bool:
    """Whether `text` can be a public key: 64 hexadecimal digits in lower case."""
    return len(text) == 2 * PUBLIC_KEY_BYTES and all(c in "0123456789abcdef" for c in text)
