"""The law of speed: writing a stream costs far less than computing it."""

import pytest

from tests.server.web.conftest import Web
from tests.server.web.scripted import FLOOD


@pytest.mark.slow
def test_a_flood_of_chunks_arrives_whole(web: Web) -> None:
    body = {"model": "flood", "stream": True, "messages": [{"role": "user", "content": "x"}]}

    with web.client.stream("POST", "/v1/chat/completions", json=body) as response:
        chunks = sum(piece.count(b'"delta"') for piece in response.iter_bytes(1 << 20))

    assert chunks == FLOOD + 2
