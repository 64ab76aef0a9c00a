"""Sealed ask: a request that only the chosen worker can read, and the answer that only we can.

The host relays both. It sees who asks whom, when, for which model and how much, and no word. Since
it cannot count either, our own count of what came goes to it signed.
"""

import secrets
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from app.core.base.errors import SealBroken, Unserved
from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import Microseconds
from app.core.pool.commitments import (
    KEY_BYTES,
    answer_commitment,
    prompt_commitment,
    vectors_commitment,
)
from app.core.pool.counts import COUNTS, CountStatement
from app.core.pool.proofs import sealing_key_of
from app.core.pool.sealing import SealedRequest
from app.server.identity.keys import DeviceKey, verify
from app.server.node.pool.asking import AnswerEvent
from app.wire.engine import Embed, Embedded, Generate
from app.wire.pool import Ask, Counted, Quote, Sealed

if TYPE_CHECKING:
    from app.server.identity.sealing import AnswerOpener

RETRY_SECONDS: Final = 30


@final
class SealedAsk:
    """One of them, under way. `ask` is what the host gets."""

    def __init__(
        self, ask: Ask, body: Generate | Embed, commitment_key: bytes, opener: "AnswerOpener"
    ) -> None:
        assert ask.worker is not None, "it is sealed to somebody"
        self.ask = ask
        self._worker = ask.worker
        self._body = body
        self._commitment_key = commitment_key
        self._opener = opener
        self._tokens: list[int] = []
        self.checkpoint = b""
        """The last that the worker saw, from its last piece."""
        self._vectors: list[bytes] = []
        self._is_broken = False
        self.is_counted = False
        """The host has been told our count."""

    @property
    def is_over(self) -> bool:
        """Nothing more of the answer can be read: its last piece came, or one was broken."""
        return self._opener.is_complete or self._is_broken

    def open(self, sealed: Sealed) -> list[AnswerEvent]:
        """The events of the next piece. Raises: SealBroken."""
        try:
            piece = self._opener.open(sealed)
        except SealBroken:
            self._is_broken = True
            raise
        self._tokens += piece.tokens
        self.checkpoint = piece.checkpoint or self.checkpoint
        for event in piece.events:
            if isinstance(event, Embedded):
                self._vectors = event.vectors
        return list(piece.events)

    def counted(self, pool: PoolId, key: DeviceKey, *, prompt: int, at: Microseconds) -> Counted:
        """What came, by our own count, signed for the host's books."""
        if isinstance(self._body, Embed):
            answer = vectors_commitment(self._commitment_key, self._vectors)
        else:
            answer = answer_commitment(self._commitment_key, self._tokens)
        statement = COUNTS.encode(
            CountStatement(
                pool=pool,
                job=self.ask.job,
                attempt=0,
                worker=self._worker,
                asker=key.device,
                tokens_in=prompt,
                tokens_out=len(self._tokens),
                is_complete=self._opener.is_complete,
                prompt_commitment=prompt_commitment(self._commitment_key, self._body),
                answer_commitment=answer,
                at=at,
            )
        )
        return Counted(job=self.ask.job, statement=statement, signature=key.sign(statement))


def seal_ask(ask: Ask, quote: Quote, *, asker: DeviceId, checkpoint: bytes) -> SealedAsk:
    """The ask with its body sealed to one of the workers that may read it.

    `checkpoint` is the last that we saw: two nodes compare what the host told them, where it can
    neither see nor change that. `asker` is this very machine, which would ask itself in vain.

    Raises: Unserved when there is none whose key its device has signed.
    """
    from app.server.identity.sealing import seal  # noqa: PLC0415  # costs 8 MB

    assert isinstance(ask.body, Generate | Embed), "it is sealed once"
    request = SealedRequest(
        body=ask.body, commitment_key=secrets.token_bytes(KEY_BYTES), checkpoint=checkpoint
    )
    # By chance, so that one of several friends does not do all the work.
    for word in sorted(quote.sealing, key=lambda _: secrets.randbits(32)):
        device = DeviceId(word)
        if device == asker:
            continue
        key = sealing_key_of(quote.sealing[word], device, verify)
        if key is None:
            continue  # the host put another key in its place, or nobody's
        try:
            sealed, opener = seal(request, job=ask.job, worker=device, worker_key=key)
        except SealBroken:
            continue
        asked = replace(ask, body=sealed, worker=device, commitment_key=b"")
        return SealedAsk(asked, ask.body, request.commitment_key, opener)
    raise Unserved(
        f"no machine of your circle {ask.circle!r} serves {ask.model} now",
        retry_after_seconds=RETRY_SECONDS,
        remedy="Wait for one of them, or allow a wider circle with the setting pool.trust.",
    )
