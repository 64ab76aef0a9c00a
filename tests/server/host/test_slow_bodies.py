"""A real host and a caller who has a key, and says what it wants a byte at a time."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.server.web.pace import PACE
from app.wire.openai.errors import ErrorAnswer
from tests.server.host.pools import Pool, chat, pool, workers
from tests.support.raw_http import Heard, dripped, raw

LIMIT = 2 * PACE.seconds


@pytest.mark.slow
def test_a_callers_body_that_drips_is_closed_and_the_others_are_answered(tmp_path: Path) -> None:
    async def drip(club: Pool) -> Heard:
        host, port = club.host.root_url.removeprefix("http://").split(":")
        async with asyncio.timeout(LIMIT), raw(host, int(port)) as connection:
            await connection.say(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: 4000000\r\n"
                b"Authorization: Bearer " + club.secret.encode() + b"\r\n\r\n{"
            )
            await dripped(connection, b" ", every_seconds=1.0)
            answer = await connection.hear()
            assert await connection.is_closed()
            return answer

    async def act(club: Pool) -> Heard:
        async with workers(club, "honest"), club.api() as api, asyncio.TaskGroup() as group:
            dripping = group.create_task(drip(club), name="drip")
            assert (await api.post("/chat/completions", json=chat("hello"))).status_code == 200
            return await dripping

    with pool(tmp_path) as club:
        answer = asyncio.run(act(club))
        held = club.available()[1]

    error = msgspec.json.decode(answer.body, type=ErrorAnswer).error
    assert (answer.status, error.code, held) == (408, "request_timeout", 0)
    assert answer.headers["x-request-id"] and error.remedy
