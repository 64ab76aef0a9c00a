"""Remarks: what is told of an answer besides the answer: whose machine computed it, for how much.

They go into headers (`x-athanor-*`) and into `usage`. An answer of one's own node has none.
"""

from typing import Final

from app.core.base.units import Micros
from app.wire.message import Message


class Remarks(Message, frozen=True, kw_only=True, omit_defaults=True):
    """As far as it is known now: who serves is known before the first token, the cost at the end.

    Several jobs of one request (prompts of a list) are told together.
    """

    job: str = ""
    """Of the pool; its receipts are found by it."""
    served_by: str = ""
    """Name of the machine, or of the last of several."""
    model_sha256: str = ""
    """Content of the model that answers."""
    cost: Micros | None = None
    """None while it is not known, and where nothing is paid."""
    receipt_key: str = ""
    """Base64: with it the receipts of the job prove what was asked and answered."""
    is_out_of_credits: bool = False
    """The answer ends where the balance did; its finish reason is "length"."""


NO_REMARKS: Final = Remarks()


def no_remarks() -> Remarks:
    """Of an answer that nothing is to be said of."""
    return NO_REMARKS
