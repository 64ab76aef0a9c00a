"""The law of speed: writing a stream costs far less than computing it."""

import time

import pytest

from tests.server.web.conftest import Web
from tests.server.web.scripted import FLOOD

CHUNKS_PER_SECOND_MIN = 5_000


@pytest.mark.slow
def test_a_stream_is_written_at_five_thousand_chunks_a_second_or_more(web: Web) -> None:
    body = {"model": "flood", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    began = time.perf_counter()

    with web.client.stream("POST", "/v1/chat/completions", json=body) as response:
        chunks = sum(piece.count(b'"delta"') for piece in response.iter_bytes(1 << 20))

    assert chunks == FLOOD + 2
    assert chunks / (time.perf_counter() - began) >= CHUNKS_PER_SECOND_MIN
