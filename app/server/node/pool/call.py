"""PoolCall: the connection to the pool among the calls that the owner is shown.

It lasts for hours and is opened again after every cut, so each socket is a call of its own.
"""

import itertools
from typing import Final, final
from urllib.parse import urlsplit

from app.observe.outbound import Outbound

SWITCHING_PROTOCOLS: Final = 101
"""What HTTP answers where a WebSocket is opened."""

_numbers: Final = itertools.count(1)
"""Of all sockets to pools that this process opened."""


@final
class PoolCall:
    """Tells of one socket after another to the host at `address`."""

    def __init__(self, outbound: Outbound, address: str) -> None:
        self._outbound = outbound
        self._host = urlsplit(address).hostname or address
        self._number, self._status = 0, 0

    def dialled(self) -> None:
        """A socket is being opened."""
        self._number, self._status = next(_numbers), 0
        self.received(0)

    def opened(self) -> None:
        """The host let us in."""
        self._status = SWITCHING_PROTOCOLS

    def received(self, count: int) -> None:
        """So many bytes came over this socket by now."""
        self._outbound.record(
            (0, self._number),
            host=self._host,
            purpose="pool",
            method="GET",
            status=self._status,
            received_bytes=count,
        )
