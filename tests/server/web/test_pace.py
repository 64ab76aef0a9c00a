"""Laws of the pace: a body that drips ends in a 408, and one that is only long does not."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State

from app.core.base.ids import OWNER_DOMAIN
from app.server.main.web_server import WebServer
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.doorway import Doorway, guarded
from app.server.web.errors import failure_of
from app.server.web.gate import Gate
from app.server.web.guards import Caller, Passed
from app.server.web.pace import Pace
from app.wire.openai.errors import ErrorAnswer
from tests.support.raw_http import Raw, dripped, listening, raw

LIMIT = 20.0
DRIPS_AT_LEAST = 3
PACE = Pace(seconds=0.5, bytes_per_second=1_000_000)


class Text(msgspec.Struct):
    """What is sent to the handler of these tests."""

    text: str


@post("/length", status_code=200)
async def length(request: ApiRequest, data: JsonBody[Text]) -> int:
    """How long the text is."""
    return len(data.text)


def _refused(_: Request[None, None, State], error: Exception) -> Response[bytes]:
    failure = failure_of(error)
    headers = {name.decode(): value.decode() for name, value in failure.headers}
    return Response(failure.body(), status_code=failure.status, headers=headers)


@asynccontextmanager
async def served(pace: Pace) -> AsyncGenerator[tuple[Doorway, int], None]:
    """A server of that pace behind a doorway, as a pool's host has them; its port."""
    app = Litestar(
        route_handlers=[length],
        request_class=ApiRequest,
        exception_handlers={Exception: _refused},
        openapi_config=None,
        logging_config=None,
    )
    passed = Passed(caller=Caller(OWNER_DOMAIN, may_administer=False, has_key=True), headers=[])
    gate = Gate(
        app,
        lambda _scope, _headers: passed,
        steady=asyncio.get_running_loop().time,
        new_id=lambda: "request-1",
        pace=pace,
    )
    doorway = Doorway(connections_max=9, per_address_max=9)
    http, ws = guarded(doorway)
    web = WebServer(gate, http=http, ws=ws)
    with listening() as listener:
        async with asyncio.TaskGroup() as group:
            group.create_task(web.serve([listener]), name="web")
            await web.is_open.wait()
            try:
                yield doorway, listener.getsockname()[1]
            finally:
                web.should_exit = True


def play(act: Callable[[Raw], Awaitable[None]], *, pace: Pace = PACE) -> int:
    """Runs `act` with an open connection; how many are open when it is over."""

    async def run() -> int:
        async with (
            served(pace) as (doorway, port),
            asyncio.timeout(LIMIT),
            raw("127.0.0.1", port) as connection,
        ):
            await act(connection)
        return len(doorway)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "announced", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"], ids=["known", "chunked"]
)
def test_a_body_that_drips_ends_in_a_408_and_a_closed_connection(announced: bytes) -> None:
    drop = b"1\r\n \r\n" if b"chunked" in announced else b" "

    async def act(connection: Raw) -> None:
        await connection.say(head(announced))
        drops = await dripped(connection, drop, every_seconds=0.05)
        answer = await connection.hear()

        assert drops >= DRIPS_AT_LEAST
        assert (answer.status, answer.headers["x-request-id"]) == (408, "request-1")
        assert answer.headers["connection"] == "close"
        error = msgspec.json.decode(answer.body, type=ErrorAnswer).error
        assert (error.type, error.code) == ("invalid_request_error", "request_timeout")
        assert error.message and error.remedy
        assert await connection.is_closed()

    assert play(act) == 0


def test_a_body_that_was_announced_huge_has_no_more_time_for_that() -> None:
    async def act(connection: Raw) -> None:
        await connection.say(head(b"Content-Length: 9000000"))
        await dripped(connection, b" ", every_seconds=0.05)

        assert (await connection.hear()).status == 408

    play(act)


def test_a_long_body_that_keeps_up_is_read_past_the_seconds() -> None:
    body = msgspec.json.encode(Text("x" * 30_000))
    pieces = [body[start : start + 1_000] for start in range(0, len(body), 1_000)]

    async def act(connection: Raw) -> None:
        began = asyncio.get_running_loop().time()
        await connection.say(head(b"Content-Length: %d" % len(body)))
        for piece in pieces:
            assert not await connection.speaks_within(0.02)
            await connection.say(piece)
        took = asyncio.get_running_loop().time() - began
        answer = await connection.hear()

        assert took > 0.3, "or it was no test of the rate"
        assert (answer.status, answer.body) == (200, b"30000")

    play(act, pace=Pace(seconds=0.3, bytes_per_second=10_000))


def test_another_request_over_the_same_connection_has_its_own_time() -> None:
    body = msgspec.json.encode(Text("hello"))

    async def act(connection: Raw) -> None:
        for _ in range(2):
            await connection.say(head(b"Content-Length: %d" % len(body)))
            assert not await connection.speaks_within(0.3)
            await connection.say(body)
            assert (await connection.hear()).status == 200

    play(act)


def head(announced: bytes) -> bytes:
    """The head of a request, up to its body."""
    return (
        b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + announced
        + b"\r\n\r\n"
    )
