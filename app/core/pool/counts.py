"""Counts: how a sealed job is metered, when the host cannot read what was asked and answered.

The worker's count is its receipt. The asker's is a `CountStatement`, signed by its device after the
last piece. Paid is the smaller of each number, so that neither side gains by lying upwards; who
lies downwards is seen by the other, who need not work for, or ask, that one again: both are of one
circle of friends. What both can agree on without the text is told by the commitments.
"""

from typing import Final, final

import msgspec

from app.core.base.ids import DeviceId, JobId, PoolId
from app.core.base.units import Microseconds
from app.core.pool.receipt import Receipt
from app.core.pool.signed import Form

TEMPLATE_TOKENS: Final = 1024
"""What a template may add to a prompt, where no tokens but only bytes are known."""


@final
class CountStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What came, by the asker's own count."""

    pool: PoolId
    job: JobId
    attempt: int
    worker: DeviceId
    asker: DeviceId
    tokens_in: int
    """0 where the asker cannot count it: then the worker's count holds, within its bounds."""
    tokens_out: int
    is_complete: bool
    """The worker's last piece came."""
    prompt_commitment: bytes
    answer_commitment: bytes
    at: Microseconds


COUNTS: Final = Form("counts 1", CountStatement)


@final
class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid for, and whether both ends said the same. `why` is for both to read."""

    prompt: int
    cached: int
    answer: int
    agrees: bool
    why: str = ""


def prompt_bound(bytes_in: int) -> int:
    """The most tokens that a sealed prompt of so many bytes can be."""
    return bytes_in + TEMPLATE_TOKENS


def agree(
    receipt: Receipt | None, statement: CountStatement | None, *, bytes_in: int, bytes_out: int
) -> Agreement:
    """The counts that hold, of a receipt and a statement that were verified.

    Either is None while, or where, it did not come. `bytes_in` and `bytes_out` are those of the
    sealed bodies that the host relayed: a token is at least a byte of either.
    """
    prompt, answer, cached = prompt_bound(bytes_in), bytes_out, 0
    if receipt is not None:
        prompt, answer = min(prompt, receipt.tokens_in), min(answer, receipt.tokens_out)
        cached = receipt.tokens_cached
    if statement is not None:
        prompt = min(prompt, statement.tokens_in) if statement.tokens_in > 0 else prompt
        answer = min(answer, statement.tokens_out)
        why = _difference(receipt, statement) if receipt is not None else ""
    else:
        why = "the asker sent no count"
    prompt, answer = max(prompt, 0), max(answer, 0)
    cached = min(max(cached, 0), prompt)
    return Agreement(prompt=prompt, cached=cached, answer=answer, agrees=not why, why=why)


def _difference(receipt: Receipt, statement: CountStatement) -> str:
    mine = (receipt.pool, receipt.job, receipt.attempt, receipt.device)
    if mine != (statement.pool, statement.job, statement.attempt, statement.worker):
        return "the two counts are about different attempts"
    if receipt.tokens_out != statement.tokens_out:
        return (
            f"the worker counted {receipt.tokens_out} tokens of answer, "
            f"the asker {statement.tokens_out}"
        )
    if statement.tokens_in not in (0, receipt.tokens_in):
        return (
            f"the worker counted {receipt.tokens_in} tokens of prompt, "
            f"the asker {statement.tokens_in}"
        )
    if receipt.prompt_commitment != statement.prompt_commitment:
        return "the two ends commit to different prompts"
    if receipt.answer_commitment != statement.answer_commitment:
        return "the two ends commit to different answers"
    return ""
