"""Answering: what OpenAI's routes need of the server, whichever role it plays.

The node answers by its engines and the host of a pool by those of its members. Each hands out an
`Answering` for a request, made for the one who asks; the routes know no more of either.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from litestar import Request
from litestar.datastructures import State
from litestar.types import Scope

from app.core.base.ids import RequestId
from app.server.engine_child.leasing import Lessor, Link
from app.server.web.errors import Headers
from app.wire.openai.request import ModelRequest
from app.wire.remarks import NO_REMARKS, Remarks

_ANSWERING: Final = "answering"
"""Under this name the scope's state holds the request's Answering."""


async def _know_all(_: str) -> None:
    """Nothing is to be looked for."""


@dataclass(slots=True, kw_only=True)
class Answering:
    """What one request is answered by. Made by `answering_of`, read by the gate at the end."""

    router: Lessor
    heartbeat_seconds: float
    now: Callable[[], float]
    """Seconds since 1970."""
    steady: Callable[[], float]
    """Seconds of a clock that only goes forward."""
    new_id: Callable[[], str]
    """A text that never comes twice."""
    seek: Callable[[str], Awaitable[None]] = _know_all
    """Looks for a model that `router.find` may not know yet, where such can come to be."""
    headers: Callable[[], Headers] = list
    """What else is told when the answer begins, an error too."""
    link: Link | None = None
    """The last that was leased, after its end too: its remarks are told then."""

    @asynccontextmanager
    async def lease(
        self, name: str, request: RequestId, keep_alive: float | None
    ) -> AsyncIterator[Link]:
        """As the router's, and remembered. Raises: as Lessor.lease."""
        async with self.router.lease(name, request=request, keep_alive=keep_alive) as link:
            self.link = link
            yield link

    def remarks(self) -> Remarks:
        """What is known now."""
        return NO_REMARKS if self.link is None else self.link.remarks

    def __repr__(self) -> str:
        return "<Answering>"


@runtime_checkable
class Answers(Protocol):
    """A role of the server."""

    def answering(self, scope: Scope, data: ModelRequest) -> Answering:
        """What answers this request. Raises: an error of core/base/errors."""


def answering_of(request: Request[None, None, State], data: ModelRequest) -> Answering:
    """What answers `request`, whose body is `data`. Raises: as Answers.answering."""
    answers = request.app.state.services
    assert isinstance(answers, Answers)
    answering = answers.answering(request.scope, data)
    request.scope["state"][_ANSWERING] = answering
    return answering


def remark_headers(scope: Scope) -> Headers:
    """The headers that tell what is known now of the answer to the request of `scope`."""
    answering = scope.get("state", {}).get(_ANSWERING)
    if not isinstance(answering, Answering):
        return []
    remarks = answering.remarks()
    told = (
        (b"x-athanor-job", remarks.job),
        (b"x-athanor-served-by", remarks.served_by),
        (b"x-athanor-model", remarks.model_sha256),
        (b"x-athanor-cost-micros", "" if remarks.cost is None else str(remarks.cost)),
        (b"x-athanor-receipt-key", remarks.receipt_key),
    )
    found = [(name, value.encode("latin-1", "replace")) for name, value in told if value]
    return [*found, *answering.headers()]
