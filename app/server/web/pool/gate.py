"""Gate of a pool's host: everybody needs a key of the pool, or the session of its pages.

Any host name will do: nothing is let in by where it comes from, so a rebound name opens nothing.
"""

from collections.abc import Mapping

from litestar.types import ASGIApp, HTTPScope

from app.core.base.errors import AthanorError
from app.server.web.gate import Gate, peer_of, port_of
from app.server.web.guards import Door, Refused, Verdict, judge
from app.server.web.guards import Scope as KeyScope
from app.server.web.pool.callers import address_of, remember_caller
from app.server.web.pool.services import HostServices


def pool_gate(app: ASGIApp, services: HostServices) -> Gate:
    """The gate around the host's application."""
    door = Door(machine="", allowed_hosts=("*",), local_token=services.local_token, is_shared=True)

    def judged(scope: HTTPScope, headers: Mapping[str, str]) -> Verdict:
        def verify(secret: str) -> tuple[str, KeyScope]:
            address = address_of(scope, headers, services.settings.pool_proxies)
            caller = services.access.authenticate(secret, address)
            remember_caller(scope, caller, secret)
            return caller.key_id or "", "inference"

        try:
            return judge(
                door,
                method=scope["method"],
                path=scope["path"],
                headers=headers,
                peer=peer_of(scope),
                verify=verify,
                is_live=services.is_live_session,
                port=port_of(scope),
            )
        except AthanorError as error:
            # A key that is refused says why: paused, expired, tried too often.
            return Refused(error=error)

    return Gate(app, judged, steady=services.steady, new_id=services.new_id)
