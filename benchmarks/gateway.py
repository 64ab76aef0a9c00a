"""What a pool's gateway adds: to the first token, and how many streamed chunks it carries.

    python -m benchmarks.gateway [--keep] [--seconds N] [--members N] [--streams N]

Four figures, all over real sockets, sessions, books and counting:

- *added to the first token*: the same request to the same toy engine, once through a node's API on
  this machine and once through the pool, one after the other. What the engine takes is in both.
- *direct*: the same streams from a node on this machine with its toy engine, without a pool.
- *chunks a second*: members that say a token whenever they may, callers that read as fast as they
  can. Host, members and callers share this machine; the host's own processor time is told too.
- *many*: so many members connected, so many streams at once; how long until all are connected,
  until each has its first token, and whether all came to their end.

The members of the last two are simulated in one process of their own; their sessions, keys and
receipts are real.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final, final

import httpx
import msgspec
import psutil

from app.core.base.ids import AccountId
from app.core.base.units import Microseconds
from app.server.identity.keys import DeviceKey
from app.server.storage.database import Database
from app.server.storage.devices import Devices
from app.settings.paths import Paths
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embed,
    Ended,
    Generate,
    Said,
    Timings,
    Usage,
)
from benchmarks.machine import Machine, commit, describe
from tests.support.node import put_toy, running_node
from tests.support.pool_host import RunningHost, digest_of, offer, running_host
from tests.support.pool_worker import Event, Worker, offered
from tests.support.worker_engine import engine_compute

RECORD: Final = Path(__file__).parent / "results" / "gateway.json"
ROUNDS: Final = 60
TEXT: Final = "hello pool"
LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
HOST_FLAGS: Final = (
    *("--members-per-address-max", "20000", "--pool-requests-max", "5000"),
    *("--pool-queue-seconds", "300", "--grace-members-seconds", "60"),
    *("--heartbeat-members-seconds", "30", "--pool-log-level", "warning"),
)


@final
class Added(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds to the first token of text."""

    direct_ms_median: float
    pool_ms_median: float
    added_ms_median: float
    added_ms_p90: float


@final
class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Streams at once and what they came to."""

    members: int
    streams: int
    chunks: int
    chunks_per_second: float
    host_processor_us: float
    """Of the host, a chunk."""
    connected_seconds: float
    first_ms_median: float
    first_ms_max: float
    whole: int
    """Streams that came to their end."""


@final
class Direct(msgspec.Struct, frozen=True, kw_only=True):
    """The same streams from a node itself, its engine on the same cores."""

    streams: int
    chunks: int
    chunks_per_second: float
    server_processor_us: float
    """Of the server, without its engine, a chunk."""


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    commit: str
    machine: Machine
    added: Added
    direct: Direct
    carried: list[Carried]


async def first_token(client: httpx.AsyncClient, url: str, model: str) -> float:
    """Seconds from the request to the first text."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": TEXT}],
        "stream": True,
        "max_tokens": 4,
    }
    begun = time.perf_counter()
    found = 0.0
    async with client.stream("POST", f"{url}/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if not found and '"content":"' in line and '"content":""' not in line:
                found = time.perf_counter() - begun
    assert found, answer.status_code
    return found


async def measure_added(folder: Path) -> Added:
    """Direct and through the pool, in turns, so that a busy moment hits both."""
    toy = put_toy(folder / "models", "echo")
    home = folder / "host"
    offer(home, "echo", toy)
    direct, through = [], []
    with (
        running_host(home, *HOST_FLAGS) as host,
        running_node(folder / "node", "--model", str(toy)) as node,
    ):
        host.account("caller")
        host.account("member", credits=0)
        headers = {"Authorization": f"Bearer {host.key('caller')}"}
        async with AsyncExitStack() as stack:
            compute = await stack.enter_async_context(engine_compute(toy))
            model = (offered(digest_of(toy)),)
            worker = Worker(folder, "box", host.invite("member"), model, compute)
            await stack.enter_async_context(worker.running())
            pool = await stack.enter_async_context(
                httpx.AsyncClient(headers=headers, timeout=60, trust_env=False)
            )
            home_api = await stack.enter_async_context(
                httpx.AsyncClient(timeout=60, trust_env=False)
            )
            for number in range(ROUNDS + 5):
                one = await first_token(home_api, node.base_url, "echo")
                other = await first_token(pool, host.base_url, "echo")
                if number >= 5:  # the first load engines and vocabularies
                    direct.append(one * 1000)
                    through.append(other * 1000)
    added = [other - one for one, other in zip(direct, through, strict=True)]
    return Added(
        direct_ms_median=round(statistics.median(direct), 2),
        pool_ms_median=round(statistics.median(through), 2),
        added_ms_median=round(statistics.median(added), 2),
        added_ms_p90=round(statistics.quantiles(added, n=10)[8], 2),
    )


async def measure_direct(folder: Path, streams: int, tokens: int) -> Direct:
    """So many streams from a node, as `measure_carried` asks them of a host."""
    toy = put_toy(folder / "models", "echo")
    flags = ("--sequences", str(streams), "--context", str(2 * tokens))
    with running_node(folder / "node", "--model", str(toy), *flags) as node:
        server = psutil.Process(node.process.pid)
        async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
            await read_stream(client, node.base_url, "", 4)
            before, begun = server.cpu_times(), time.perf_counter()
            told = await asyncio.gather(
                *(read_stream(client, node.base_url, "", tokens) for _ in range(streams))
            )
            seconds, after = time.perf_counter() - begun, server.cpu_times()
    chunks = sum(count for _, count, _ in told)
    used = after.user + after.system - before.user - before.system
    return Direct(
        streams=streams,
        chunks=chunks,
        chunks_per_second=round(chunks / seconds),
        server_processor_us=round(used / max(1, chunks) * 1e6, 1),
    )


async def letters(body: Generate | Embed) -> AsyncIterator[Event]:
    """A scripted engine: a letter a token, as the toy's vocabulary counts them, until the limit."""
    assert isinstance(body, Generate)
    request, limit = body.request, body.max_tokens or 100
    yield Begun(request=request, prompt_tokens=1)
    for number in range(limit):
        letter = LETTERS[number % len(LETTERS)]
        yield Delta(
            request=request,
            choice=0,
            parts=[Said(text=chr(letter))],
            token_ids=[letter],
        )
        await asyncio.sleep(0)
    yield Ended(request=request, choice=0, reason="length")
    yield Completed(
        request=request,
        usage=Usage(prompt=1, cached=0, completion=limit),
        timings=Timings(queue_ms=0, prompt_ms=0, decode_ms=0),
    )


async def stack_of(worker: Worker) -> AsyncExitStack:
    """The worker, connected, as something to be left at the end."""
    stack = AsyncExitStack()
    await stack.enter_async_context(worker.running())
    return stack


async def swarm(folder: Path, sha256: str, invite: str, count: int) -> None:
    """The members' process: connects all, says how long it took, and works until stdin ends."""
    begun = time.perf_counter()
    slots = 8
    async with AsyncExitStack() as stack:
        for first in range(0, count, 50):
            workers = [
                Worker(folder, f"m{number}", invite, (offered(sha256, slots=slots),), letters)
                for number in range(first, min(count, first + 50))
            ]
            entering = [stack_of(worker) for worker in workers]
            for entered in await asyncio.gather(*entering):
                stack.push_async_exit(entered)
        print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)  # a thousand goodbyes are not what is measured


async def enrol(home: Path, folder: Path, account: str, count: int) -> None:
    """Makes the members known to a host that is down: an address may try few invites a minute."""
    path = Paths.under(home).pool_database
    async with await Database.open(path, "host") as database:
        devices = await Devices.open(database, lambda: Microseconds(time.time_ns() // 1000))
        for number in range(count):
            key = DeviceKey.ensure(folder / f"m{number}.key")
            await devices.join(key.device, AccountId(account), f"m{number}")


@contextmanager
def swarming(host: RunningHost, folder: Path, sha256: str, count: int):  # type: ignore[no-untyped-def]
    """Members in a process of their own; yields the seconds until all were connected."""
    invite = host.invite("member")
    command = [sys.executable, "-m", "benchmarks.gateway", "--swarm", str(folder), sha256, invite]
    with subprocess.Popen(
        [*command, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["seconds"]
        finally:
            process.stdin.close()
            process.wait(60)


async def read_stream(
    client: httpx.AsyncClient, url: str, key: str, tokens: int
) -> tuple[float, int, bool]:
    """Seconds to the first chunk of text, chunks, and whether it came to its end."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"model": "echo", "prompt": "ab", "max_tokens": tokens, "stream": True}
    begun, first, chunks, is_whole = time.perf_counter(), 0.0, 0, False
    async with client.stream("POST", f"{url}/completions", json=body, headers=headers) as answer:
        rest = b""
        async for data in answer.aiter_bytes():
            *events, rest = (rest + data).split(b"\n\n")
            found = sum(b'"text":"' in event and b'"text":""' not in event for event in events)
            if found and not chunks:
                first = time.perf_counter() - begun
            chunks += found
            is_whole |= b"data: [DONE]" in events
            for event in events:
                if b'"error"' in event:
                    sys.stderr.write(f"{event.decode()}\n")
    return first, chunks, is_whole


async def measure_carried(folder: Path, members: int, streams: int, tokens: int) -> Carried:
    """So many members and streams."""
    toy = put_toy(folder / "models", "echo")
    home = folder / "host"
    sha256 = offer(home, "echo", toy)
    with running_host(home, *HOST_FLAGS) as host:
        member = host.account("member", credits=0)
    (folder / "members").mkdir()
    await enrol(home, folder / "members", member, members)
    with running_host(home, *HOST_FLAGS) as host:
        secrets = []
        for number in range(max(1, streams // 50)):  # an account's line has room for 64
            host.account(f"caller-{number}")
            secrets.append(host.key(f"caller-{number}"))
        with swarming(host, folder / "members", sha256, members) as connected:
            process = psutil.Process(host.process.pid)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:
                await read_stream(client, host.base_url, secrets[0], 4)
                before, begun = process.cpu_times(), time.perf_counter()

                async def one(number: int) -> tuple[float, int, bool]:
                    key = secrets[number % len(secrets)]
                    return await read_stream(client, host.base_url, key, tokens)

                told = await asyncio.gather(*(one(number) for number in range(streams)))
                seconds, after = time.perf_counter() - begun, process.cpu_times()
    chunks = sum(count for _, count, _ in told)
    used = after.user + after.system - before.user - before.system
    return Carried(
        members=members,
        streams=streams,
        chunks=chunks,
        chunks_per_second=round(chunks / seconds),
        host_processor_us=round(used / max(1, chunks) * 1e6, 1),
        connected_seconds=round(connected, 2),
        first_ms_median=round(statistics.median(first for first, _, _ in told) * 1000, 1),
        first_ms_max=round(max(first for first, _, _ in told) * 1000, 1),
        whole=sum(is_whole for _, _, is_whole in told),
    )


def main() -> None:
    """Measure and print; `--keep` writes the result file."""
    if "--swarm" in sys.argv:
        folder, sha256, invite, count = sys.argv[-4:]
        asyncio.run(swarm(Path(folder), sha256, invite, int(count)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help=f"write {RECORD.name}")
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--tokens", type=int, default=100)
    flags = parser.parse_args()
    machine = describe(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        added = asyncio.run(measure_added(folder / "added"))
        sys.stdout.write(f"{added}\n")
        direct = asyncio.run(measure_direct(folder / "direct", 8, 1000))
        sys.stdout.write(f"{direct}\n")
        carried = []
        for members, streams, tokens in (
            (4, 8, 1000),
            (flags.members, flags.streams, flags.tokens),
        ):
            here = folder / f"carried-{members}"
            carried.append(asyncio.run(measure_carried(here, members, streams, tokens)))
            sys.stdout.write(f"{carried[-1]}\n")
    record = Record(commit=commit(), machine=machine, added=added, direct=direct, carried=carried)
    if flags.keep:
        RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


if __name__ == "__main__":
    main()
