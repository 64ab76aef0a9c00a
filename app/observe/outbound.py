"""Outbound: every call to another machine since the server started, and what it was for.

The last ones are kept in memory and shown by GET /local/network; nothing is written down. Hosts,
purposes and counts alone: an address may hold a name that is nobody's business.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, final

import msgspec
from msgspec.structs import replace

CALLS_KEPT: Final = 500


@final
class OutboundCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `status` is HTTP's, 0 while there was no answer; `at` in seconds since 1970."""

    at: float
    host: str
    purpose: str
    method: str
    status: int = 0
    received_bytes: int = 0


@final
class HostTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All calls to one host since the start."""

    host: str
    calls: int
    received_bytes: int


@final
class Outbound:
    """Used by one event loop. A call is told when it begins and again as its bytes come."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: OrderedDict[tuple[int, int], OutboundCall] = OrderedDict()
        """In the order in which they were told last: one that is under way is not forgotten."""
        self._totals: dict[str, HostTotal] = {}

    def record(
        self,
        key: tuple[int, int],
        *,
        host: str,
        purpose: str,
        method: str,
        status: int,
        received_bytes: int,
    ) -> None:
        """What is known of the call `key` by now: process id of who calls, and its number there."""
        known = self._calls.get(key)
        call = known or OutboundCall(at=self._now(), host=host, purpose=purpose, method=method)
        self._calls[key] = replace(call, status=status, received_bytes=received_bytes)
        self._calls.move_to_end(key)
        total = self._totals.get(host) or HostTotal(host=host, calls=0, received_bytes=0)
        self._totals[host] = replace(
            total,
            calls=total.calls + (known is None),
            received_bytes=total.received_bytes + received_bytes - call.received_bytes,
        )
        while len(self._calls) > CALLS_KEPT:
            self._calls.popitem(last=False)

    def calls(self) -> tuple[OutboundCall, ...]:
        """The `CALLS_KEPT` that were told last, the one that began last first."""
        return tuple(sorted(reversed(self._calls.values()), key=lambda call: -call.at))

    def totals(self) -> tuple[HostTotal, ...]:
        """Every host, the one with most bytes first."""
        return tuple(sorted(self._totals.values(), key=lambda each: -each.received_bytes))
