"""Receipt and verdict: what a worker says that it did, and what the host says that it is worth.

The worker signs a `Receipt` for each attempt in which it computed something, and keeps them as a
chain. The host signs a `Verdict` for each attempt that was settled, with the receipt's stored bytes
in it, and keeps those as another chain. Together they are two ledgers of the same work, and either
side can show where the other's story changed.

No words of anybody are in them: what was said is committed to by HMACs (core/pool/commitments).
"""

from typing import Final, Literal, final

import msgspec

from app.core.base.ids import DeviceId, JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.pool.signed import Form, SignedBytes
from app.wire.pool import Circle

Ending = Literal["completed", "length", "cancelled", "preempted", "failed"]
"""How the attempt ended on the worker."""


@final
class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt was, by its worker."""

    pool: PoolId
    device: DeviceId
    number: int
    """In the device's chain for this pool, from 0 without a gap."""
    previous: bytes
    """SHA-256 of the receipt before it; empty in the first."""
    job: JobId
    attempt: int
    payer: str
    """The trust domain that the offer named: a pseudonym in this pool."""
    circle: Circle
    is_sealed: bool
    sha256: str
    """Of the model."""
    quantisation: str
    context: int
    runtime: str
    first: int
    """Tokens first <= n < end of the whole answer were computed."""
    end: int
    tokens_in: int
    tokens_cached: int
    """Of `tokens_in`: their cells were there."""
    tokens_out: int
    tokens_reasoning: int
    """Of `tokens_out`."""
    prices: tuple[Micros, Micros, Micros]
    """Micros for a million tokens as offered: input, cached input, output."""
    ending: Ending
    prompt_commitment: bytes
    """32 bytes; empty where the offer gave no key."""
    answer_commitment: bytes
    began_at: Microseconds
    """When the offer was accepted, by the worker's clock."""
    ended_at: Microseconds
    first_token_ms: int
    total_ms: int


@final
class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt was worth, by the host."""

    pool: PoolId
    number: int
    """In the host's chain, from 0 without a gap."""
    previous: bytes
    """SHA-256 of the verdict before it; empty in the first."""
    job: JobId
    attempt: int
    device: DeviceId
    receipt: bytes
    """The receipt's bytes as they came; empty where the worker gave none."""
    receipt_signature: bytes
    prompt: int
    """Tokens that are paid for: input, of these cached, and output."""
    cached: int
    answer: int
    again: int
    """Tokens computed a second time after another worker was lost: paid by the pool."""
    charged: Micros
    """What the payer paid for the whole job; the same in each verdict of a job."""
    earned: Micros
    """What this attempt's worker earned, after the pool's fee."""
    from_fund: Micros
    """Of `earned`: paid by the pool and not by the payer."""
    ending: str
    """How the job ended: a word of core/ledger/work.End."""
    reason: str
    """Why less was paid than the receipt says, one sentence; "" where it was not."""
    at: Microseconds


RECEIPT: Final = Form("receipt 1", Receipt)
VERDICT: Final = Form("verdict 1", Verdict)


def receipt_in(verdict: Verdict) -> SignedBytes | None:
    """The worker's receipt that a verdict is about; None where it gave none."""
    return SignedBytes(verdict.receipt, verdict.receipt_signature) if verdict.receipt else None


def differs(verdict: Verdict, receipt: SignedBytes) -> str:
    """Why the verdict is not about this receipt, or gives more than it claims; "" when all fits.

    A verdict without a receipt was given before one came; it is about any of its attempt.
    """
    if receipt_in(verdict) not in (None, receipt):
        return "it is about another receipt than the one that was sent"
    said = RECEIPT.read(receipt.body)
    if said is None:
        return "the receipt in it cannot be read"
    theirs = (verdict.pool, verdict.job, verdict.attempt, verdict.device)
    if theirs != (said.pool, said.job, said.attempt, said.device):
        return "it names another job, attempt or device than its receipt"
    if min(verdict.prompt, verdict.cached, verdict.answer, verdict.earned, verdict.charged) < 0:
        return "it holds a number below zero"
    if verdict.prompt > said.tokens_in or verdict.answer > said.tokens_out:
        return "it pays for more tokens than the receipt says"
    return ""
