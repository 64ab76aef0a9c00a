"""What is measured of a server rather than of a model: start, size, speed in passing on.

The model is the toy one where the engine should cost nothing, so that what is seen is the server.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psutil

from app.core.models.plan import LoadPlan
from app.wire.model import ModelSource
from benchmarks.build_peer import PeerBinaries
from benchmarks.client import PeerFailed, complete, count_chunks, fetch
from benchmarks.peers.athanor import LIST_PATH, Athanor, settings_of
from benchmarks.peers.athanor_engine import engine
from benchmarks.peers.http import request_of, until_answers
from benchmarks.peers.llama_server import LlamaServer
from benchmarks.peers.peer import Ask, Launch
from benchmarks.peers.process import child, free_port, resident_bytes, tree
from benchmarks.prompts import words

_STREAMS: Final = 8
_CHUNKS_EACH: Final = 4000
_TOY_CONTEXT: Final = 16_384
_TOY_CELLS: Final = 16_384 * _STREAMS
_SETTLE_SECONDS: Final = 2.0
"""After a start, so that a server at rest is measured and not one that is still importing."""
_END_SECONDS_MAX: Final = 30.0


async def athanor_start_seconds(model: Path) -> float:
    """From starting the process to the list of models."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
        port = free_port()
        begun = time.perf_counter()
        async with Athanor().server(Path(home), port, model) as process:
            return await until_answers(process, port, LIST_PATH) - begun


async def llama_server_start_seconds(peer: PeerBinaries, launch: Launch) -> float:
    """The same of llama-server, which loads its model meanwhile."""
    port = free_port()
    begun = time.perf_counter()
    async with child(LlamaServer(peer.server).command(launch, port)) as process:
        return await until_answers(process, port, LIST_PATH) - begun


async def athanor_idle_bytes(model: Path) -> float:
    """Resident memory of the server process when no model is loaded."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
        port = free_port()
        async with Athanor().server(Path(home), port, model) as process:
            await until_answers(process, port, LIST_PATH)
            await asyncio.sleep(_SETTLE_SECONDS)
            assert len(tree(process.pid)) == 1, "an engine runs that nobody asked for"
            return resident_bytes(process.pid)


async def llama_server_idle_bytes(peer: PeerBinaries) -> float:
    """The same of llama-server as a router, which is its way of having no model loaded."""
    port = free_port()
    command = [str(peer.server), "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    async with child(command) as process:
        await until_answers(process, port, LIST_PATH)
        await asyncio.sleep(_SETTLE_SECONDS)
        return resident_bytes(process.pid)


async def athanor_unload_seconds(launch: Launch) -> float:
    """From asking for an unload to the engine's process being gone, its memory with it."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
        port = free_port()
        settings = settings_of(launch)
        async with Athanor().server(Path(home), port, launch.model, settings) as process:
            await until_answers(process, port, LIST_PATH)
            name = launch.model.stem
            await complete(port, *request_of(Ask(prompt="time way", tokens=4), name))
            engines = tree(process.pid)[1:]
            assert engines, "an answer came without an engine"
            token = json.loads((Path(home) / "run" / "server.json").read_bytes())["token"]
            begun = time.perf_counter()
            await fetch(port, "POST", "/local/unload", {"model": name}, token=token)
            _, alive = await asyncio.to_thread(psutil.wait_procs, engines, _END_SECONDS_MAX)
            if alive:
                raise PeerFailed(f"an engine lives {_END_SECONDS_MAX} s after its unload")
            return time.perf_counter() - begun


@contextlib.asynccontextmanager
async def _toy_server() -> AsyncIterator[tuple[int, psutil.Process, str, Path]]:
    """Port and process of a server that has the toy model loaded, its name and its file."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
        model = Path(home) / "echo.toy"
        model.write_text(f'{{"context_trained": {_TOY_CONTEXT}}}', encoding="utf-8")
        settings = (
            f"[engine]\ncontext = {_TOY_CONTEXT}\ncells = {_TOY_CELLS}\nspeculation = false\n"
        )
        port = free_port()
        async with Athanor().server(Path(home), port, model, settings) as process:
            await until_answers(process, port, LIST_PATH)
            await complete(port, *_toy_request("hello", model.stem))
            yield port, psutil.Process(process.pid), model.stem, model


def _toy_request(text: str, model: str) -> tuple[str, dict[str, object]]:
    """The echo model answers `text`."""
    messages = [{"role": "user", "content": text}]
    return "/v1/chat/completions", {"model": model, "messages": messages}


async def chunk_rates() -> tuple[float, float]:
    """Streamed chunks a second of the server's own processor time, and of the clock's.

    The first is what one core could pass on; the second has the engine and the client on the same
    machine.
    """
    async with _toy_server() as (port, server, name, _):
        text = words(_CHUNKS_EACH // 4, seed=1)[:_CHUNKS_EACH]
        used, begun = _processor_seconds(server), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(count_chunks(port, *_toy_request(f"{number} {text}", name)))
                for number in range(_STREAMS)
            ]
        seconds = time.perf_counter() - begun
        chunks = sum(task.result() for task in tasks)
        letters = len(text) - text.count(" ")  # a space waits for the letter behind it
        assert chunks >= _STREAMS * letters, "the toy says one letter a step, each its own chunk"
        return chunks / (_processor_seconds(server) - used), chunks / seconds


async def server_addition_ms(asks: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first token of the toy model: over HTTP, and over the engine's pipe."""
    over_http, over_pipe = [], []
    async with _toy_server() as (port, _, name, model):
        plan = LoadPlan(context=_TOY_CONTEXT, cells=_TOY_CELLS)
        async with engine(ModelSource(path=str(model), name=name, backend="toy"), plan) as alone:
            for number in range(asks):
                text = f"{number} {words(4, seed=number)}"
                answer = await complete(port, *_toy_request(text, name))
                over_http.append(answer.first_seconds * 1000)
                answer = await alone.ask(Ask(system="time", prompt=text, tokens=64))
                over_pipe.append(answer.first_seconds * 1000)
    return over_http, over_pipe


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
