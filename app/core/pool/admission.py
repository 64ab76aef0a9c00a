"""Admission: whether a request may join the line at all; said early, with what would work.

A line that is longer than anybody will wait for helps nobody: the last in it time out, repeat, and
make it longer. So a request that could not be served in time is refused at once: with 429 where its
own account has too many under way, with 503 where the pool is full or nobody is there.
"""

import math
from typing import Final, Literal, final

import msgspec

QUEUE_MAX: Final = 1_000
ACCOUNT_QUEUE_MAX: Final = 64
ACCOUNT_SHARE: Final = 0.25
"""Of a line that is more than half full, the most that one account may have."""
RETRY_SECONDS_MIN: Final = 1.0
RETRY_SECONDS_MAX: Final = 60.0
"""Nobody is told to come back later than that: by then all is different."""


@final
class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a request comes."""

    waiting: int
    of_account: int
    """Of those, the account's own."""
    wait_seconds: float
    """Until a slot is free for this model, as dispatch predicts; infinite when nobody lends it."""
    patience_seconds: float
    """So long the request would wait in line."""
    workers: int
    """That offer the model, lending or not."""


@final
class Shed(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal: nothing was held, nobody was asked."""

    status: Literal[429, 503]
    message: str
    retry_after_seconds: int


def admit(
    line: Line, *, queue_max: int = QUEUE_MAX, account_queue_max: int = ACCOUNT_QUEUE_MAX
) -> Shed | None:
    """None where the request may join; else the refusal, that of the account's own doing first."""
    retry = _retry(line)
    account_max = account_queue_max
    if line.waiting * 2 > queue_max:
        account_max = min(account_max, max(1, int(queue_max * ACCOUNT_SHARE)))
    if line.of_account >= account_max:
        return Shed(
            status=429,
            message=f"{line.of_account} requests of this account wait already; wait for some of "
            "them to be answered.",
            retry_after_seconds=retry,
        )
    if line.workers == 0:
        return Shed(
            status=503,
            message="No machine in the pool offers this model at present; /v1/models lists those "
            "that are offered.",
            retry_after_seconds=retry,
        )
    if math.isinf(line.wait_seconds):
        return Shed(
            status=503,
            message=f"This model is on {line.workers} machine{'' if line.workers == 1 else 's'}, "
            "and none lends it right now; /v1/models lists what is lent.",
            retry_after_seconds=retry,
        )
    if line.waiting >= queue_max:
        return Shed(
            status=503,
            message=f"{line.waiting} requests wait for the pool already.",
            retry_after_seconds=retry,
        )
    if line.wait_seconds > line.patience_seconds:
        return Shed(
            status=503,
            message=f"The wait for this model is about {line.wait_seconds:.0f} s, and the request "
            f"would wait {line.patience_seconds:.0f} s at most; a smaller model is free sooner.",
            retry_after_seconds=retry,
        )
    return None


def _retry(line: Line) -> int:
    """When the line is shorter by what is too much of it."""
    wait = RETRY_SECONDS_MAX if math.isinf(line.wait_seconds) else line.wait_seconds / 2
    return math.ceil(min(max(wait, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX))
