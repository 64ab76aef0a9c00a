"""Laws of an event stream that has nothing to tell: it is a whole, empty answer."""

import asyncio

from litestar.types import Message

from app.server.web.sse import Emit, EventStream


def test_a_stream_without_an_event_begins_and_ends() -> None:
    async def act() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def nothing(_: Emit) -> None:
            """The server is stopping: there is no picture to begin with."""

        stream = EventStream(nothing, heartbeat_seconds=60)
        await stream({"type": "http"}, receive, send)  # type: ignore[typeddict-item]
        return sent

    start, end = asyncio.run(act())

    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert (end["type"], end["body"], end["more_body"]) == ("http.response.body", b"", False)
