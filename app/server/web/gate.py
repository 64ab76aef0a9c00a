"""Gate: the outermost layer of the web server, in plain ASGI so that it costs next to nothing.

It asks the guards, gives the request its id, notes who calls, and writes one line when the answer
is over. On the way of a streamed chunk it only looks at the first message.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeGuard, final

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.core.base.errors import Forbidden, Unauthorized
from app.core.base.ids import RequestId
from app.server.web.answering import remark_headers
from app.server.web.errors import Failure, Headers, failure_of, http_failure
from app.server.web.guards import Answered, Caller, Door, Passed, Refused, Verdict, judge
from app.server.web.guards import Scope as KeyScope
from app.server.web.pace import PACE, Pace, in_time

if TYPE_CHECKING:
    from app.server.web.services import Services

_log = logging.getLogger(__name__)

Judge = Callable[[HTTPScope, Mapping[str, str]], Verdict]
"""Whether a request passes, by its scope and its headers, whose names are in lower case."""

CALLER: Final = "caller"
"""Under this name the scope's state holds the Caller."""

_REQUEST: Final = "request_id"
"""Under this name the scope's state holds the x-request-id of the answer."""

_JSON: Final = (b"content-type", b"application/json")
_CLIENT_LEFT: Final = 499
"""nginx's number for an answer that nobody waited for; only in the log."""


@final
class Gate:
    """The ASGI application that uvicorn runs."""

    def __init__(
        self,
        app: ASGIApp,
        judge: Judge,
        *,
        steady: Callable[[], float],
        new_id: Callable[[], str],
        pace: Pace = PACE,
    ) -> None:
        """`judge` says who passes; `steady` is a clock in seconds, `new_id` names requests."""
        self._app = app
        self._judge = judge
        self._steady = steady
        self._new_id = new_id
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, or the start and end of the server."""
        if not _is_http(scope):
            await self._app(scope, receive, send)
            return
        started = self._steady()
        request_id = self._new_id()
        scope.setdefault("state", {})[_REQUEST] = request_id
        answer = _Answer(scope, send, request_id.encode())
        try:
            await self._let_in(scope, receive, answer)
        finally:
            # The router writes the one line of a request that reached an engine. The route stands
            # here, not the path: a stranger's path may hold anything, a key too.
            _log.log(
                logging.INFO if answer.status >= 400 else logging.DEBUG,
                "request answered",
                extra={
                    "method": scope["method"],
                    "route": scope.get("path_template", ""),
                    "status": answer.status,
                    "ms": round((self._steady() - started) * 1000),
                    "request": answer.request_id.decode(),
                },
            )

    async def _let_in(self, scope: HTTPScope, receive: Receive, answer: "_Answer") -> None:
        match self._judge(scope, headers_of(scope)):
            case Passed() as verdict:
                answer.headers += verdict.headers
                scope.setdefault("state", {})[CALLER] = verdict.caller
                await self._app(scope, in_time(receive, self._pace), answer.send)
            case Answered() as verdict:
                await answer.send_whole(204, [*verdict.headers], b"")
            case Refused() as verdict:
                answer.headers += verdict.headers
                error = verdict.error
                failure = http_failure(error) if isinstance(error, int) else failure_of(error)
                await answer.send_failure(failure)


def node_gate(app: ASGIApp, services: "Services") -> Gate:
    """The gate of a node: its keys, its dashboard's sessions, and no key on this machine."""
    server = services.settings.server
    door = Door(
        machine=services.machine,
        allowed_hosts=server.allowed_hosts,
        allowed_origins=server.allowed_origins,
        local_token=services.local_token,
    )

    def verify(secret: str) -> tuple[str, KeyScope] | None:
        key = services.keys.verify(secret)
        return None if key is None else (key.id, key.scope)

    def judged(scope: HTTPScope, headers: Mapping[str, str]) -> Verdict:
        return judge(
            door,
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            peer=peer_of(scope),
            verify=verify,
            is_live=services.dashboard.sessions.is_live,
            port=port_of(scope),
        )

    return Gate(app, judged, steady=services.steady, new_id=services.new_id)


def headers_of(scope: Scope) -> dict[str, str]:
    """A request's headers by their names in lower case; of several the last."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


def peer_of(scope: Scope) -> str | None:
    """The address of who is at the other end of the connection."""
    client = scope.get("client")
    return None if client is None else client[0]


def _is_http(scope: Scope) -> TypeGuard[HTTPScope]:
    """Not the start and end of the server, and no web socket, whose route guards itself."""
    return scope["type"] == "http"  # type: ignore[comparison-overlap]  # litestar's words are enums


@final
class _Answer:
    """Adds the gate's headers to an answer and remembers its status."""

    def __init__(self, scope: HTTPScope, send: Send, request_id: bytes) -> None:
        self._scope = scope
        self._send = send
        self.request_id = request_id
        # No answer is ever a script, whatever page asks for it as one.
        self.headers: Headers = [
            (b"x-request-id", request_id),
            (b"x-content-type-options", b"nosniff"),
        ]
        self.status = _CLIENT_LEFT

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            told = remark_headers(self._scope)
            message["headers"] = [*message["headers"], *self.headers, *told]
        await self._send(message)

    async def send_failure(self, failure: Failure) -> None:
        await self.send_whole(failure.status, [_JSON, *failure.headers], failure.body())

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        length = (b"content-length", str(len(body)).encode())
        fields = headers if status == 204 else [*headers, length]
        await self.send({"type": "http.response.start", "status": status, "headers": fields})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def port_of(scope: Scope) -> int:
    """The port that was called."""
    server = scope.get("server")
    return (server[1] or 0) if server else 0


def caller_of(scope: Scope) -> Caller:
    """Who sends the request of this scope."""
    caller = scope["state"][CALLER]
    assert isinstance(caller, Caller)
    return caller


def request_id_of(scope: Scope) -> RequestId:
    """The x-request-id that the answer to the request of this scope carries."""
    found = scope["state"][_REQUEST]
    assert isinstance(found, str)
    return RequestId(found)


def administer(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], _: BaseRouteHandler
) -> None:
    """A litestar guard for routes that change things. Raises: Unauthorized, Forbidden."""
    caller = caller_of(connection.scope)
    if caller.may_administer:
        return
    if caller.has_key:
        raise Forbidden("this needs a key of the scope admin")
    raise Unauthorized(
        "this needs a key of the scope admin, on this machine too",
        remedy="Make one with `athanor keys add NAME --admin`.",
    )
