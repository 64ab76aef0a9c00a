"""Commitments: HMACs of prompt and answer in a receipt, by a key that node and payer know.

A plain hash of a short prompt can be guessed by trying; this cannot without the key. Who shows the
key with the text proves what was asked and answered; who has the receipt alone learns nothing.

    key      32 bytes by chance, by the payer's node or, for plain API clients, by the host, which
             tells it in `x-athanor-receipt-key` and forgets it
    prompt   HMAC-SHA256(key, "athanor prompt 1\\n" + the prompt in msgpack, maps sorted by key)
    answer   HMAC-SHA256(key, "athanor answer 1\\n" + token ids of the range, 4 bytes each)
    vectors  HMAC-SHA256(key, "athanor vectors 1\\n" + for each: its length in 8 bytes, its bytes)
"""

import hmac
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from app.core.base.ids import Token
from app.wire.engine import Embed, Generate

KEY_BYTES: Final = 32

_encoder: Final = msgspec.msgpack.Encoder(order="sorted")


def prompt_commitment(key: bytes, body: Generate | Embed) -> bytes:
    """32 bytes for what was asked; empty without a key. Sampling and limits are not in it."""
    asked = body.prompt if isinstance(body, Generate) else body.inputs
    return _commit(key, b"athanor prompt 1\n" + _encoder.encode(asked))


def answer_commitment(key: bytes, tokens: Sequence[Token]) -> bytes:
    """32 bytes for the tokens of a range; empty without a key."""
    return _commit(key, b"athanor answer 1\n" + b"".join(t.to_bytes(4, "big") for t in tokens))


def vectors_commitment(key: bytes, vectors: Iterable[bytes]) -> bytes:
    """32 bytes for embeddings as the engine gave them; empty without a key."""
    parts = b"".join(len(vector).to_bytes(8, "big") + vector for vector in vectors)
    return _commit(key, b"athanor vectors 1\n" + parts)


def _commit(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256") if key else b""
