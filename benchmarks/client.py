"""A client that measures: streamed completions over a bare socket, each arrival stamped.

It speaks just enough HTTP/1.1 and server-sent events, since a comfortable client spends more on a
chunk than a server does, and on a small machine it takes its time from the very cores that are
measured. Both servers get the same bytes.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, final

import msgspec

REQUEST_SECONDS_MAX: Final = 300.0
_LINE_BYTES_MAX: Final = 16 * 1024 * 1024

Json = dict[str, object]


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    text: str | None = None
    delta: _Delta | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int = 0


class Usage(msgspec.Struct):
    """Tokens as the server counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: Usage | None = None
    error: object = None


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode


class PeerFailed(Exception):
    """A server answered other than it should; the measurement is void."""


@final
@dataclass(slots=True)
class Answer:
    """One streamed completion. Times are of `time.perf_counter`, in seconds."""

    sent: float
    arrivals: list[float] = field(default_factory=list)
    """When each chunk that carried text came."""
    finished: float = 0.0
    text: str = ""
    usage: Usage = field(default_factory=Usage)

    @property
    def first_seconds(self) -> float:
        """Time to first token."""
        return self.arrivals[0] - self.sent

    @property
    def tokens_per_second(self) -> float:
        """Decode speed: the tokens after the first, over the time they took."""
        return (self.usage.completion_tokens - 1) / (self.arrivals[-1] - self.arrivals[0])


async def complete(port: int, path: str, body: Json) -> Answer:
    """The answer to a streamed request. Raises: PeerFailed, TimeoutError, OSError."""
    request = body | {"stream": True, "stream_options": {"include_usage": True}}
    answer = Answer(time.perf_counter())
    async with asyncio.timeout(REQUEST_SECONDS_MAX):
        async for line in _event_lines(port, path, request):
            now = time.perf_counter()
            chunk = _decode_chunk(line)
            if chunk.error is not None:
                raise PeerFailed(f"error in the stream of {path}: {chunk.error}")
            if chunk.usage is not None:
                answer.usage = chunk.usage
            for choice in chunk.choices:
                piece = choice.text or (choice.delta.content if choice.delta else None)
                if piece:
                    answer.arrivals.append(now)
                    answer.text += piece
    answer.finished = time.perf_counter()
    if not answer.arrivals:
        raise PeerFailed(f"{path} streamed no text")
    return answer


async def _event_lines(port: int, path: str, body: Json) -> AsyncIterator[bytes]:
    """The payload of each `data:` line, until `[DONE]`."""
    status, reader, writer = await _send(port, "POST", path, msgspec.json.encode(body))
    try:
        if status != 200:
            raise PeerFailed(f"{path} answered {status}: {(await reader.read(2000))!r}")
        rest = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            if size == 0:
                raise PeerFailed(f"the stream of {path} ended without [DONE]")
            lines = (rest + await reader.readexactly(size)).split(b"\n")
            await reader.readexactly(2)
            rest = lines.pop()
            for line in lines:
                if line.startswith(b"data: "):
                    payload = line[6:].rstrip()
                    if payload == b"[DONE]":
                        return
                    yield payload
    finally:
        writer.close()


async def count_chunks(port: int, path: str, body: Json) -> int:
    """How many events a streamed request brought, without looking into them."""
    events = 0
    async with asyncio.timeout(REQUEST_SECONDS_MAX):
        status, reader, writer = await _send(
            port, "POST", path, msgspec.json.encode(body | {"stream": True})
        )
        try:
            if status != 200:
                raise PeerFailed(f"{path} answered {status}: {(await reader.read(2000))!r}")
            tail = b""
            while block := await reader.read(256 * 1024):
                events += (tail[-5:] + block).count(b"data: ")
                tail = (tail + block)[-64:]
            if b"[DONE]" not in tail:
                raise PeerFailed(f"the stream of {path} ended without [DONE]")
        finally:
            writer.close()
    return events


async def fetch(
    port: int, method: str, path: str, body: object = None, *, token: str = ""
) -> bytes:
    """The body of a plain answer. Raises: PeerFailed when it is not 200, OSError."""
    payload = b"" if body is None else msgspec.json.encode(body)
    async with asyncio.timeout(REQUEST_SECONDS_MAX):
        status, reader, writer = await _send(port, method, path, payload, token=token)
        try:
            answer = await reader.read()
        finally:
            writer.close()
    if status != 200:
        raise PeerFailed(f"{path} answered {status}: {answer[:2000]!r}")
    return answer


async def _send(
    port: int, method: str, path: str, payload: bytes, *, token: str = ""
) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
    """Status, and the streams with the head of the answer read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LINE_BYTES_MAX)
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if payload:
        head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    try:
        writer.write(head.encode() + b"\r\n" + payload)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        while (await reader.readline()).strip():
            pass
    except BaseException:
        writer.close()
        raise
    return status, reader, writer
