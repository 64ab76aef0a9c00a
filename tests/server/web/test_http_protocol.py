"""Laws of what speaks HTTP: a request that offers another protocol is answered all the same."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from litestar.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.server.main.web_server import WebServer
from app.server.web.doorway import Doorway, guarded
from app.server.web.http_protocol import http_protocol
from tests.support.raw_http import Raw, listening, raw

LIMIT = 20.0
PROTOCOLS = {
    "ours": http_protocol(),
    "h11": H11Protocol,
    "doorman": guarded(Doorway(connections_max=9, per_address_max=9))[0],
}
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n"
)
"""As Java's HTTP client says it."""
KNOWN = b"POST /one HTTP/1.1\r\nHost: x\r\n" + OFFER + b"Content-Length: 5\r\n\r\n"
CHUNKED = b"POST /one HTTP/1.1\r\nHost: x\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
NEXT = b"GET /two HTTP/1.1\r\nHost: x\r\n\r\n"


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the body."""
    body, more = str(scope["path"]).encode() + b" ", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message["body"], message["more_body"]
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@asynccontextmanager
async def connected(protocol: type[asyncio.Protocol]) -> AsyncGenerator[Raw, None]:
    """A connection to a server that repeats."""
    web = WebServer(repeat, http=protocol)
    with listening() as listener:
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
            group.create_task(web.serve([listener]), name="web")
            await web.is_open.wait()
            try:
                async with raw("127.0.0.1", listener.getsockname()[1]) as connection:
                    yield connection
            finally:
                web.should_exit = True


def bodies(protocol: type[asyncio.Protocol], pieces: list[bytes], answers: int) -> list[bytes]:
    """What is answered to pieces that come one by one, each alone."""

    async def run() -> list[bytes]:
        async with connected(protocol) as connection:
            for piece in pieces:
                await connection.say(piece)
                await connection.speaks_within(0.02)
            heard = [await connection.hear() for _ in range(answers)]
        assert {each.status for each in heard} == {200}
        return [each.body for each in heard]

    return asyncio.run(run())


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
@pytest.mark.parametrize(
    "pieces",
    [
        [KNOWN + b"hello" + NEXT],
        [KNOWN, b"hello", NEXT],
        [KNOWN[:40], KNOWN[40:] + b"he", b"llo", NEXT],
        [CHUNKED + CHUNKS + NEXT],
        [CHUNKED, CHUNKS[:7], CHUNKS[7:], NEXT],
    ],
    ids=["at once", "one by one", "cut", "chunked", "chunked, cut"],
)
def test_who_offers_another_protocol_is_read_to_the_end(
    protocol: type[asyncio.Protocol], pieces: list[bytes]
) -> None:
    assert bodies(protocol, pieces, 2) == [b"/one hello", b"/two "]


def test_requests_that_come_at_once_may_all_offer_another_protocol() -> None:
    assert bodies(http_protocol(), [(KNOWN + b"hello") * 3], 3) == [b"/one hello"] * 3


def test_a_tunnel_is_refused() -> None:
    async def run() -> int:
        async with connected(http_protocol()) as connection:
            await connection.say(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n" + OFFER + b"\r\n")
            return (await connection.hear()).status

    assert asyncio.run(run()) == 400
