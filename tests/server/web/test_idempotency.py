"""Laws of the idempotency key at home: it is a caller's own word, however the caller is known."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
from litestar.types import Receive, Scope, Send

from app.server.node.pool.lessor import Lessor
from app.server.storage.database import Database
from app.server.storage.keys import Keys
from app.server.web.gate import node_gate
from app.server.web.services import Services
from app.wire.openai.request import ModelRequest
from tests.server.web.conftest import _Server


async def jobs_of(services: Services, *callers: dict[str, str]) -> list[str]:
    """What the first job of a request would be called in a pool, by who sends it."""
    jobs: list[str] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        lessor = services.answering(scope, ModelRequest(model="pool/large")).router
        assert isinstance(lessor, Lessor)
        jobs.append(lessor._new_job())
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[typeddict-item]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    gate = httpx.ASGITransport(app=node_gate(app, services), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=gate, base_url="http://127.0.0.1") as client:
        for caller in callers:
            await client.post("/v1/chat/completions", headers={**caller, "Idempotency-Key": "one"})
    return jobs


def test_one_idempotency_key_of_two_callers_is_two_requests_in_whichever_header_their_keys_stand(
    served: _Server, tmp_path: Path
) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            keys = await Keys.open(database, lambda: 1000.0)
            anna, bert = [(await keys.create(name, "inference")).secret for name in ("a", "b")]
            assert served.services is not None

            asked = await jobs_of(
                replace(served.services, keys=keys),
                *({name: anna} for name in ("x-api-key", "api-key")),
                {"Authorization": f"Bearer {anna}"},
                *({name: bert} for name in ("x-api-key", "api-key")),
                {},
            )

            assert asked[0] == asked[1] == asked[2]
            assert asked[3] == asked[4]
            assert len({asked[0], asked[3], asked[5]}) == 3

    asyncio.run(run())
