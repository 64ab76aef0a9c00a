"""Work: what was agreed for a job, what each worker did for it, and how it ended.

What settlement decides by, and all of it: plain counts, no text.
"""

from enum import Enum, unique
from typing import final

import msgspec

from app.core.base.ids import AccountId
from app.core.ledger.pricing import Prices, Shares


@final
@unique
class End(Enum):
    """How a job ended, for the money. Each row of docs/books.md's table is one of these."""

    COMPLETED = "completed"
    """The model said its last word; also after one or more failovers. Embeddings too."""
    LENGTH = "length"
    """max_tokens or the context was reached."""
    CREDIT_EXHAUSTED = "credit_exhausted"
    """The hold could not be extended."""
    CANCELLED = "cancelled"
    """The client went, and the worker was told."""
    INTERRUPTED = "interrupted"
    """The last worker was lost, failed or took its GPU back, and nobody went on."""
    UNANSWERED = "unanswered"
    """No worker delivered anything: errors, timeouts, refusals."""
    UNKNOWN = "unknown"
    """The host was down and knows no more; the hold ends without a charge."""
    LATE = "late"
    """A receipt came for a job of which the host knows no more; it claims at most the hold."""


@final
class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's own counts, in a receipt that was verified."""

    prompt: int
    cached: int = 0
    answer: int = 0


@final
class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one worker did for a job."""

    number: int
    """From 0, in the order of dispatch."""
    worker: AccountId
    """Who is paid; nobody where that is the payer: a device of one's own is free."""
    first: int = 0
    """Number of the first token of answer that it delivered ..."""
    end: int = 0
    """... and of the one after the last: what the host passed on or can."""
    counted: int | None = None
    """Tokens of that by the model's vocabulary on the host; None where it cannot be counted."""
    reported: Reported | None = None
    """None where no valid receipt came: the worker vanished."""
    told_cached: int | None = None
    """Tokens of prompt that it had in its cache, as it said while it worked; None: it did not."""
    is_prefilled: bool = False
    """It said that the whole prompt was computed; true also where it delivered anything."""
    undelivered: int = 0
    """Tokens it computed between the client's leaving and its answer to the cancel."""


@final
class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was agreed when the credits were held."""

    payer: AccountId
    prices: Prices
    shares: Shares
    prompt: int | None = None
    """Tokens by the host's own count; None where it cannot be counted any more."""
    is_embedding: bool = False
    """The prompt is all the work."""
    accepts_partial: bool = False
    """The user pays for, and keeps, an answer that was cut short."""
    undelivered_max: int = 0
    """Tokens of one second: the most that a client who leaves pays beyond what was delivered."""
