"""What every refusal must have, of a node or of a pool's host."""

from dataclasses import dataclass, field

import httpx
import msgspec

from app.wire.openai.errors import ErrorAnswer


@dataclass(frozen=True)
class Refusal:
    """A request that is refused, and how."""

    name: str
    method: str
    path: str
    body: bytes
    status: int
    code: str
    headers: dict[str, str] = field(default_factory=dict)


def check_refusal(client: httpx.Client, refusal: Refusal) -> ErrorAnswer:
    """Asks for it: its status, code, id, and when to come again."""
    headers = {"Content-Type": "application/json", **refusal.headers}
    answer = client.request(refusal.method, refusal.path, content=refusal.body, headers=headers)
    told = msgspec.json.decode(answer.content, type=ErrorAnswer)

    assert (answer.status_code, told.error.code) == (refusal.status, refusal.code), answer.text
    assert told.error.message and told.error.type
    assert answer.headers["x-request-id"]
    if answer.status_code in (429, 503) and answer.headers.get("x-should-retry") != "false":
        assert int(answer.headers["retry-after"]) > 0
    return told
