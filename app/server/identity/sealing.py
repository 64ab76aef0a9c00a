"""Seals: requests that only one worker opens, and answers that only the asker opens.

The construction is in core/pool/sealing; this carries it out.
"""

from typing import Final, TypeVar, final

import msgspec

from app.core.base.errors import SealBroken
from app.core.base.ids import DeviceId, JobId
from app.core.pool.sealing import (
    Direction,
    SealedPiece,
    SealedRequest,
    associated_data,
    context,
    nonce_of,
)
from app.server.identity import primitives
from app.server.identity.keys import DeviceKey
from app.wire.pool import Sealed

M = TypeVar("M")

_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(SealedRequest)
_pieces: Final = msgspec.msgpack.Decoder(SealedPiece)


@final
class _Attempt(msgspec.Struct, frozen=True):
    """What both ends know of an attempt."""

    job: JobId
    attempt: int
    worker: DeviceId
    context: bytes

    def beside(self, direction: Direction, number: int) -> bytes:
        return associated_data(
            job=self.job,
            attempt=self.attempt,
            worker=self.worker,
            direction=direction,
            number=number,
        )

    def request_key(self, shared: bytes) -> bytes:
        return primitives.derive(shared, self.context + b"request")

    def answer_key(self, shared: bytes, answered: bytes, ephemeral: bytes) -> bytes:
        return primitives.derive(shared + answered, self.context + ephemeral + b"answer")


@final
class AnswerSealer:
    """The worker's side of one answer: seals its pieces, in order."""

    def __init__(self, attempt: _Attempt, shared: bytes, asker: bytes) -> None:
        mine = primitives.AgreementKey.generate()
        answered = primitives.agree(mine, asker)
        if answered is None:
            raise SealBroken("the key of the sealed request is none")
        self._attempt = attempt
        self._public = mine.public_key().public_bytes_raw()
        self._key = attempt.answer_key(shared, answered, self._public)
        self._number = 0

    def seal(self, piece: SealedPiece) -> Sealed:
        """The next piece, sealed."""
        number = self._number
        self._number += 1
        ciphertext = primitives.encrypt(
            self._key,
            nonce_of(number),
            _encoder.encode(piece),
            self._attempt.beside("answer", number),
        )
        return Sealed(ephemeral_key=self._public, nonce=nonce_of(number), ciphertext=ciphertext)


@final
class AnswerOpener:
    """The asker's side of one answer: opens its pieces, in order."""

    def __init__(self, attempt: _Attempt, shared: bytes, mine: primitives.AgreementKey) -> None:
        self._attempt, self._shared, self._mine = attempt, shared, mine
        self._ephemeral, self._key = b"", b""
        self._number = 0
        self.is_complete = False
        """The worker's last piece came."""

    def open(self, sealed: Sealed) -> SealedPiece:
        """The next piece. Raises: SealBroken when it is changed, left out or from elsewhere."""
        if self.is_complete:
            raise SealBroken("a sealed answer goes on after its end")
        if not self._ephemeral:
            answered = primitives.agree(self._mine, sealed.ephemeral_key)
            if answered is None:
                raise SealBroken("the key of the sealed answer is none")
            self._ephemeral = sealed.ephemeral_key
            self._key = self._attempt.answer_key(self._shared, answered, self._ephemeral)
        number = self._number
        plaintext = None
        if sealed.ephemeral_key == self._ephemeral and sealed.nonce == nonce_of(number):
            beside = self._attempt.beside("answer", number)
            plaintext = primitives.decrypt(self._key, sealed.nonce, sealed.ciphertext, beside)
        piece = _decoded(_pieces, plaintext, f"piece {number} of a sealed answer")
        self._number += 1
        self.is_complete = piece.is_last
        return piece


def seal(
    request: SealedRequest, *, job: JobId, worker: DeviceId, worker_key: bytes, attempt: int = 0
) -> tuple[Sealed, AnswerOpener]:
    """The request as only `worker` can open it, and what opens the answer.

    `worker_key` is the X25519 key that the worker's device signed (proofs.sealing_key_of).
    Raises: SealBroken when it is no key.
    """
    mine = primitives.AgreementKey.generate()
    public = mine.public_key().public_bytes_raw()
    shared = primitives.agree(mine, worker_key)
    if shared is None:
        raise SealBroken("the worker's sealing key is none")
    made_for = _Attempt(
        job,
        attempt,
        worker,
        context(
            job=job, attempt=attempt, worker=worker, ephemeral_key=public, worker_key=worker_key
        ),
    )
    ciphertext = primitives.encrypt(
        made_for.request_key(shared),
        nonce_of(0),
        _encoder.encode(request),
        made_for.beside("request", 0),
    )
    sealed = Sealed(ephemeral_key=public, nonce=nonce_of(0), ciphertext=ciphertext)
    return sealed, AnswerOpener(made_for, shared, mine)


def open_sealed(
    sealed: Sealed, *, key: DeviceKey, job: JobId, attempt: int
) -> tuple[SealedRequest, AnswerSealer]:
    """What was sealed to this device for this attempt, and what seals the answer.

    Raises: SealBroken when it was sealed to another device or for another attempt, or was changed.
    """
    shared = key.agree(sealed.ephemeral_key)
    if shared is None:
        raise SealBroken("the key of the sealed request is none")
    made_for = _Attempt(
        job,
        attempt,
        key.device,
        context(
            job=job,
            attempt=attempt,
            worker=key.device,
            ephemeral_key=sealed.ephemeral_key,
            worker_key=key.sealing_key,
        ),
    )
    plaintext = None
    if sealed.nonce == nonce_of(0):
        beside = made_for.beside("request", 0)
        plaintext = primitives.decrypt(
            made_for.request_key(shared), sealed.nonce, sealed.ciphertext, beside
        )
    request = _decoded(_requests, plaintext, "the sealed request")
    return request, AnswerSealer(made_for, shared, sealed.ephemeral_key)


def _decoded(decoder: msgspec.msgpack.Decoder[M], plaintext: bytes | None, what: str) -> M:
    if plaintext is None:
        raise SealBroken(f"{what} was not made for this, or was changed on its way")
    try:
        return decoder.decode(plaintext)
    except msgspec.MsgspecError:
        # The words of the error may quote the plaintext.
        raise SealBroken(f"{what} holds what this version cannot read") from None
