"""HostServices: all that the web needs of a pool's host, handed over once at the start.

The host's routes find it as the node's find `Services`: in the state of the application.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from litestar import Request, WebSocket
from litestar.datastructures import State
from litestar.types import Scope

from app.server.host.access import Access
from app.server.host.connections import Connections
from app.server.host.gateway import Gateway
from app.server.host.market import Market
from app.server.web.answering import Answering
from app.server.web.pool.callers import asked_of
from app.server.web.pool.rates import rate_headers
from app.settings.pool_host_schema import PoolHostSettings
from app.wire.openai.request import ModelRequest

HEARTBEAT_SECONDS: Final = 5.0
"""Longest silence in a stream: clients and proxies give up on more."""


def _new_id() -> str:
    return secrets.token_hex(12)


def _no_session(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostServices:
    """What the host's handlers work with. Real time and chance come in here."""

    access: Access
    connections: Connections
    gateway: Gateway
    market: Market
    settings: PoolHostSettings
    local_token: str
    """Opens the local API; never logged."""
    stop: Callable[[], None]
    """Begins the graceful stop and returns at once."""
    is_live_session: Callable[[str], bool] = _no_session
    """Whether a cookie's value is that of a live session of the admin pages."""
    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    steady: Callable[[], float] = time.monotonic
    """Seconds of a clock that only goes forward."""
    new_id: Callable[[], str] = _new_id
    """A text that never comes twice."""

    def answering(self, scope: Scope, data: ModelRequest) -> Answering:
        """What answers a request of OpenAI's API: the pool, for the account of the key.

        Raises: Unauthorized; Forbidden; RequestError for wrong wishes.
        """
        asked = asked_of(scope, data, self.access)
        # Whoever sends it once more gets the same answer, and so the same id.
        again = (
            asked.fingerprint
            and hmac.digest(asked.fingerprint, asked.idempotency_key.encode(), "sha256").hex()
        )
        return Answering(
            router=self.gateway.as_caller(asked),
            heartbeat_seconds=HEARTBEAT_SECONDS,
            now=self.now,
            steady=self.steady,
            new_id=(lambda: again[:24]) if again else self.new_id,
            headers=lambda: rate_headers(
                requests=self.access.room(asked.caller, "requests"),
                tokens=self.access.room(asked.caller, "tokens"),
            ),
        )

    def __repr__(self) -> str:
        return "<HostServices>"


def host_of(
    connection: Request[None, None, State] | WebSocket[None, None, State],
) -> HostServices:
    """The host of the application that takes this request or socket."""
    services = connection.app.state.services
    assert isinstance(services, HostServices)
    return services
