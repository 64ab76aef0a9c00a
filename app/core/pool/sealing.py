"""Sealing: what a body that only its worker can open holds, and what it is bound to.

    asker                                   host                    worker
    seals the request with a key made       relays                  opens it with its own key,
    for it (ephemeral) to the worker's                              seals the answer in pieces to
    key, opens the pieces               <── relays ──               the asker's ephemeral key

    shared   = X25519(asker's ephemeral, worker's key)
    request  = HKDF-SHA256(shared, info = context + "request")
    answer   = HKDF-SHA256(shared + X25519(asker's ephemeral, worker's ephemeral),
                           info = context + worker's ephemeral + "answer")
    context  = `context(...)`: job, attempt, worker, both keys

Each piece is ChaCha20-Poly1305 with its number as nonce and `associated_data` beside it, so none
can be opened as another job's, for another worker, in the other direction or in another order. Each
key serves for one direction of one attempt; a job that is sealed has one attempt, number 0.

The host still sees who asks whom, when, for which model, the sizes, and the counts it bills by.
Bytes only: the cryptography is in server/identity.
"""

import hashlib
from typing import Final, Literal, final

from app.core.base.ids import DeviceId, JobId
from app.wire.engine import Begun, Completed, Delta, Embed, Embedded, Ended, Generate, Progress
from app.wire.message import Private

Direction = Literal["request", "answer"]

NONCE_BYTES: Final = 12

_LABEL: Final = b"athanor sealed job 1\n"


@final
class SealedRequest(Private, frozen=True, kw_only=True, omit_defaults=True):
    """What the asker seals."""

    body: Generate | Embed
    commitment_key: bytes = b""
    """In the place of the offer's, which the host could read: core/pool/commitments."""
    checkpoint: bytes = b""
    """The last of the host's checkpoints that the asker saw, with its signature (core/pool/signed).
    The host cannot see that two nodes compare what it told them, nor change it."""


@final
class SealedPiece(Private, frozen=True, kw_only=True, omit_defaults=True):
    """What the worker seals: in the place of a `Chunk`'s tokens and events."""

    tokens: list[int]
    events: list[Begun | Progress | Delta | Ended | Embedded | Completed]
    is_last: bool = False
    """Without it the asker knows that the end was withheld."""
    checkpoint: bytes = b""
    """The last that the worker saw, in its last piece."""


def context(
    *, job: JobId, attempt: int, worker: DeviceId, ephemeral_key: bytes, worker_key: bytes
) -> bytes:
    """What the keys of an attempt are derived for."""
    identity = hashlib.sha256(job.encode()).digest()  # a fixed length, whatever the id's
    return (
        _LABEL
        + identity
        + attempt.to_bytes(4, "big")
        + bytes.fromhex(worker)
        + ephemeral_key
        + worker_key
    )


def associated_data(
    *, job: JobId, attempt: int, worker: DeviceId, direction: Direction, number: int
) -> bytes:
    """What a piece is bound to, beside its key. `number` counts the pieces from 0."""
    identity = hashlib.sha256(job.encode()).digest()
    return (
        _LABEL
        + identity
        + attempt.to_bytes(4, "big")
        + bytes.fromhex(worker)
        + direction.encode()
        + number.to_bytes(8, "big")
    )


def nonce_of(number: int) -> bytes:
    """The nonce of a piece; a key never meets the same one twice."""
    return number.to_bytes(NONCE_BYTES, "big")
