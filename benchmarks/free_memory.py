"""How soon memory is free: from the order to the engine's process being gone, with a real model.

    python -m benchmarks.free_memory [MODEL.gguf] [--rounds N] [--busy]

Each round loads the model by a request and frees everything by POST /local/free, as `athanor free
--all` does; with --busy an answer is under way. Two clocks: the server's own, from the order to its
proof, and this program's, to the process being gone. Without a model it takes one of the suite's.

Expected: SIGKILL and the end of a process of some hundred MB take tens of milliseconds; the rest is
one look at the devices. On a GPU the driver's work comes on top, which the server waits for.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil

from app.wire.sharing import FreeAnswer
from benchmarks.client import PeerFailed, complete, fetch
from benchmarks.machine import commit, processor
from benchmarks.peers.athanor import LIST_PATH, Athanor
from benchmarks.peers.http import request_of, until_answers
from benchmarks.peers.peer import Ask
from benchmarks.peers.process import free_port, tree

TARGET_SECONDS: Final = 1.5
_END_SECONDS_MAX: Final = 30.0


async def measure(model: Path, rounds: int, *, busy: bool) -> list[tuple[float, FreeAnswer]]:
    """For each round seconds until the process is gone, and what the server answered."""
    found = []
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
        port = free_port()
        async with Athanor().server(Path(home), port, model) as process:
            await until_answers(process, port, LIST_PATH)
            token = json.loads((Path(home) / "run" / "server.json").read_bytes())["token"]
            for _ in range(rounds):
                await complete(port, *request_of(Ask(prompt="time way", tokens=4), model.stem))
                found.append(await _round(port, process.pid, token, model.stem, busy=busy))
    return found


async def _round(
    port: int, pid: int, token: str, name: str, *, busy: bool
) -> tuple[float, FreeAnswer]:
    engines = tree(pid)[1:]
    assert engines, "an answer came without an engine"
    async with asyncio.TaskGroup() as group:
        if busy:
            group.create_task(_answer_for_ever(port, name))
            await asyncio.sleep(1.0)
        begun = time.perf_counter()
        body = {"scope": "all", "hold_seconds": 0}
        said = await fetch(port, "POST", "/local/free", body, token=token)
        await asyncio.to_thread(psutil.wait_procs, engines, _END_SECONDS_MAX)
        seconds = time.perf_counter() - begun
    assert not any(engine.is_running() for engine in engines), "an engine lives on"
    return seconds, msgspec.json.decode(said, type=FreeAnswer)


async def _answer_for_ever(port: int, name: str) -> None:
    """An answer that the order will end."""
    with contextlib.suppress(PeerFailed, OSError):
        await complete(port, *request_of(Ask(prompt="time way", tokens=100_000), name))


def main() -> int:
    """Print the figures; 1 when the slowest round is past the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, help="a GGUF; else a tiny one is made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", action="store_true", help="with an answer under way")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or _made(Path(folder))
        found = asyncio.run(measure(model, asked.rounds, busy=asked.busy))
    gone = [seconds for seconds, _ in found]
    told = [answer.seconds for _, answer in found]
    held = max(sum(each.ram_bytes for each in answer.ended) for _, answer in found)
    measured = sum(answer.gpu_bytes for _, answer in found if answer.is_measured)
    print(f"{processor()}, commit {commit()}\n{model.name}, {held / 1024**2:.0f} MiB in RAM")
    print(f"order to process gone: median {statistics.median(gone) * 1000:.0f} ms, "
          f"slowest {max(gone) * 1000:.0f} ms")  # fmt: skip
    print(f"the server's proof:    median {statistics.median(told) * 1000:.0f} ms, "
          f"slowest {max(told) * 1000:.0f} ms")  # fmt: skip
    print(f"GPU memory by the driver: {measured / 1024**2:.0f} MiB in all"
          if measured else "no GPU memory was held, or no driver told")  # fmt: skip
    is_met = max(gone) <= TARGET_SECONDS and all(answer.is_back for _, answer in found)
    print(f"target {TARGET_SECONDS} s: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


def _made(folder: Path) -> Path:
    from tests.gguf_made.store import GgufStore

    return GgufStore(folder).llama()


if __name__ == "__main__":
    sys.exit(main())
