"""Pace: how slowly a request's body may come.

The doorway gives a head its deadline. Without one of its own a body of a byte a second would hold
its connection for as long as its sender likes. So a body has some seconds, and more for what has
come of it: not for what was announced, since announcing costs nothing.
"""

import asyncio
from typing import Final, NamedTuple, final

from litestar.types import Receive, ReceiveMessage

from app.core.base.errors import BodyLate


@final
class Pace(NamedTuple):
    """What a body is given: the seconds, and one more for each so many bytes that came."""

    seconds: float = 30.0
    """Also for a small one: a phone that changes networks says nothing for about that long."""
    bytes_per_second: int = 16 * 1024
    """128 kbit/s: the slowest lines that are still sold do better. Who holds a connection for
    longer than the seconds pays that rate for it, and at the largest body it ends."""


PACE: Final = Pace()


def in_time(receive: Receive, pace: Pace = PACE) -> Receive:
    """`receive`, which raises BodyLate where the body falls behind; what comes after the body,
    the client's leaving, may take its time. The seconds run from now on.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + pace.seconds
    is_whole = False

    async def receive_in_time() -> ReceiveMessage:
        nonlocal deadline, is_whole
        if is_whole:
            return await receive()
        try:
            # What is here already is taken, also where the server itself was late to ask for it.
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise BodyLate() from None
        if message["type"] == "http.request":
            deadline += len(message["body"]) / pace.bytes_per_second
            is_whole = not message["more_body"]
        return message

    return receive_in_time
