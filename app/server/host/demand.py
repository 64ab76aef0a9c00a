"""Demand: who waits for a model now, and how requests for it ended today.

Requests that were refused at the door, for want of a machine or of a place in line, became no job
and left no row: the figures for Prometheus count them (observe/pool_meters).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

import msgspec

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.fair_queue import Waiting
from app.server.storage.usage import EndCount
from app.wire.pool_admin import DemandPicture

_COUNTED_AS: Final[Mapping[str, str]] = {
    "completed": "answered",
    "length": "answered",
    "credit_exhausted": "answered",
    "unserved": "unserved",
    "refused": "refused",
    "unfunded": "refused",
    "cancelled": "cancelled",
}
"""Status of a row -> field of DemandPicture; every other one has failed."""

NOBODY: Final = DemandPicture()


@final
class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Those who wait for one model."""

    waiting: int
    waited_seconds: float
    """How long the one that came first has waited."""
    accounts: tuple[str, ...]
    """By name, each once, whoever has most in line first."""


def line_of(
    waiting: Iterable[Waiting], name: Callable[[AccountId], str], now: Microseconds
) -> Line:
    """The line, of the jobs in it."""
    jobs = list(waiting)
    accounts = Counter(each.find.request.account for each in jobs)
    since = min((each.since for each in jobs), default=now)
    return Line(
        waiting=len(jobs),
        waited_seconds=round(max(0, now - since) / SECOND, 1),
        accounts=tuple(name(account) for account, _ in accounts.most_common()),
    )


def demand_of(counts: Iterable[EndCount]) -> dict[str, DemandPicture]:
    """Model as the pool calls it -> how its requests ended."""
    found: dict[str, Counter[str]] = {}
    for each in counts:
        field = _COUNTED_AS.get(each.status, "failed")
        found.setdefault(each.model, Counter())[field] += each.requests
    return {model: DemandPicture(**fields) for model, fields in found.items()}
