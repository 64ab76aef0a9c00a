"""What the figures rest on: the measuring client, the medians, a model that stays the same."""

import asyncio
import dataclasses
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gguf
import pytest

from benchmarks.client import PeerFailed, complete, count_chunks
from benchmarks.figures import ATHANOR, LLAMA_SERVER, Figure
from benchmarks.model import EXACT, add_weights
from benchmarks.prompts import words

EVENTS = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b": heartbeat\n\n"
    b'data: {"choices":[{"delta":{"content":"Hi "}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"you"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
)
DONE = b"data: [DONE]\n\n"


@asynccontextmanager
async def serving(body: bytes, *, piece: int) -> AsyncIterator[int]:
    """The port of a server that answers anything by `body`, in chunks of `piece` bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), piece):
            part = body[start : start + piece]
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_stream_is_read_alike_wherever_its_chunks_are_cut(piece: int) -> None:
    async def act() -> None:
        async with serving(EVENTS + DONE, piece=piece) as port:
            answer = await complete(port, "/v1/chat/completions", {})

            assert answer.text == "Hi you"
            assert len(answer.arrivals) == 2, "a role and a heartbeat are no text"
            assert answer.usage.completion_tokens == 2

    asyncio.run(act())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (EVENTS, "without"),
        (b'data: {"error":{"message":"engine died"}}\n\n' + DONE, "engine died"),
        (DONE, "no text"),
    ],
)
def test_a_stream_that_breaks_off_is_no_measurement(body: bytes, said: str) -> None:
    async def act() -> None:
        async with serving(body, piece=64) as port:
            with pytest.raises(PeerFailed, match=said):
                await complete(port, "/v1/chat/completions", {})

    asyncio.run(act())


def test_every_event_of_a_stream_is_counted_once() -> None:
    async def act() -> None:
        # a server cuts between events; where a read of the client ends is chance
        async with serving(EVENTS * 5000 + DONE, piece=len(EVENTS)) as port:
            assert await count_chunks(port, "/v1/chat/completions", {}) == 4 * 5000 + 1

    asyncio.run(act())


def test_a_ratio_is_of_medians_and_absent_where_a_side_is() -> None:
    figure = Figure(key="k", title="t", unit="u", better="higher", expected="")
    for sample in (9.0, 30.0, 31.0):
        figure.add(ATHANOR, sample)
    figure.add(LLAMA_SERVER, 20.0)

    assert figure.ratio(ATHANOR, LLAMA_SERVER) == 1.5
    assert figure.ratio(ATHANOR, "nobody") is None


def test_prompts_differ_by_seed_from_their_first_words_on() -> None:
    beginnings = {words(4, seed=seed) for seed in range(200)}

    assert len(beginnings) == 200
    assert words(50, seed=7) == words(50, seed=7)


@pytest.mark.parametrize("is_exact", [True, False])
def test_random_weights_are_the_same_each_time(tmp_path: Path, *, is_exact: bool) -> None:
    shape = dataclasses.replace(EXACT, layers=1, width=64, heads=1, is_exact=is_exact)
    digests = set()

    for name in ("one", "two"):
        writer = gguf.GGUFWriter(tmp_path / name, "llama")
        add_weights(writer, shape)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())

    assert len(digests) == 1
