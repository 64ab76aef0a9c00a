"""The table of what we measure ourselves against: one run, one machine, side by side.

    make bench ARGS="[--quick] [--only KEY,KEY] [--peers NAME] [--keep]"

llama-server and Athanor serve the same file with the same threads, context and batch, and are asked
in turns, so that a machine that slows down slows both. The result is printed; with `--keep` it is
written to benchmarks/results as JSON and Markdown. A full run takes about ten minutes on two
cores, `--quick` about three. Run it on a machine that does nothing else.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import psutil

from benchmarks import figures, server_alone
from benchmarks.build_peer import PeerBinaries, ensure_peer
from benchmarks.client import PeerFailed
from benchmarks.figures import ATHANOR, LLAMA_SERVER, Figure, Report
from benchmarks.limits import Limits, can_repack, measure_limits
from benchmarks.machine import commit, describe
from benchmarks.model import BENCH, ensure_model
from benchmarks.peers.athanor import Athanor
from benchmarks.peers.athanor_engine import AthanorEngine
from benchmarks.peers.llama_server import LlamaServer
from benchmarks.peers.peer import Ask, Launch, Peer, Service
from benchmarks.prompts import words
from benchmarks.side_by_side import COMPARISONS, FULL, QUICK, STREAMS, Comparison, Scale

RESULTS: Final = Path(__file__).parent / "results"
CONTEXT: Final = 20_480
"""Holds eight prompts of 2,000 tokens that share nothing, and their answers."""
BUSY: Final = 0.5
"""Load average past which others compute on the cores that are measured."""
_HTTP_ASKS: Final = 50


def main() -> int:
    """Parse, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough answer in three minutes")
    parser.add_argument("--only", default="", help="keys of figures, separated by commas")
    parser.add_argument("--peers", default=f"{LLAMA_SERVER},{ATHANOR}", help="also athanor-engine")
    parser.add_argument("--keep", action="store_true", help="write the result down")
    options = parser.parse_args()
    # a run that is told to end must end its servers, so it unwinds instead of dying
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.perf_counter()
    only = frozenset(filter(None, options.only.split(",")))
    peers = frozenset(options.peers.split(","))
    report = asyncio.run(measure(QUICK if options.quick else FULL, only, peers))
    report.seconds = time.perf_counter() - begun
    report.load_average_after = os.getloadavg()[0]
    text = figures.as_markdown(report)
    print(text)
    if options.keep:
        RESULTS.mkdir(exist_ok=True)
        name = f"{report.date[:10]}-{'quick' if options.quick else 'full'}"
        encoded = msgspec.json.format(msgspec.json.encode(report), indent=1)
        (RESULTS / f"{name}.json").write_bytes(encoded + b"\n")
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    return 0


async def measure(scale: Scale, only: frozenset[str], peers: frozenset[str]) -> Report:
    """All figures, or those of the keys; without `only` also what needs no model."""
    peer, model = ensure_peer(), ensure_model()
    threads = psutil.cpu_count(logical=False) or 1
    machine = describe(threads)
    if machine.load_average[0] > BUSY:
        _say(f"load average {machine.load_average[0]:.1f}: this machine is busy, do not believe it")
    launch = Launch(model=model, context=CONTEXT, sequences=STREAMS, threads=threads)
    launch = dataclasses.replace(launch, repacks=can_repack(peer, launch))
    report = Report(
        commit=commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        model=f"{BENCH.name} ({model.stat().st_size / 1e6:.0f} MB)",
        launch=figures.launch_facts(launch),
        scale=dataclasses.asdict(scale),
    )
    _say("limits")
    limits = measure_limits(peer, launch, tokens=scale.answer, repetitions=scale.repetitions)
    wanted = [c for c in COMPARISONS if not only or c.key in only]
    found = {c.key: _empty(c, report, limits[0], scale) for c in wanted}
    http, pipe = LlamaServer(peer.server), AthanorEngine()
    for has_guests, ours in ((False, Athanor()), (True, pipe)):
        sides = {LLAMA_SERVER: http, ATHANOR: ours, pipe.name: pipe}
        await _compare(
            [c for c in wanted if c.has_guests is has_guests],
            found,
            {name: side for name, side in sides.items() if name in peers},
            launch,
            scale,
        )
    for name, key in (("decode", "decode_one"), ("decode_eight", "decode_eight")):
        if key in found:
            found[key].samples["llama.cpp alone"] = [getattr(one, name) for one in limits]
    report.figures = list(found.values())
    if not only and ATHANOR in peers:
        report.figures += await _servers_alone(peer, launch, scale)
    return report


async def _compare(
    comparisons: list[Comparison],
    found: dict[str, Figure],
    sides: dict[str, Peer],
    launch: Launch,
    scale: Scale,
) -> None:
    """Fills the figures, the peers taking turns within each repetition."""
    if not comparisons:
        return
    async with contextlib.AsyncExitStack() as stack:
        services: dict[str, Service] = {
            name: await stack.enter_async_context(side.serve(launch))
            for name, side in sides.items()
        }
        await _ensure_same_prompts(list(services.values()))
        for comparison in comparisons:
            is_long = comparison.key in {"shared_prefix", "owner_among_guests"}
            for turn in range(scale.repetitions_shared if is_long else scale.repetitions):
                # whoever goes first finds the machine cooler; so that is shared too
                names = list(services) if turn % 2 == 0 else list(services)[::-1]
                for name in names:
                    _say(f"{comparison.key} {turn + 1} {name}")
                    sample = await comparison.measure(services[name], turn + 1, scale)
                    found[comparison.key].add(name, sample)


async def _ensure_same_prompts(services: list[Service]) -> None:
    """Raises: PeerFailed when two peers make different tokens of the same request."""
    asks = (
        Ask(prompt=words(16, seed=0), tokens=4),
        Ask(system=words(16, seed=0), prompt=words(16, seed=1), tokens=4),
    )
    for ask in asks:
        usages = {service.name: (await service.ask(ask)).usage for service in services}
        if len({(u.prompt_tokens, u.completion_tokens) for u in usages.values()}) > 1:
            raise PeerFailed(f"the peers count differently: {usages}")


def _empty(comparison: Comparison, report: Report, limits: Limits, scale: Scale) -> Figure:
    """The row before it is measured: its sketch is made first."""
    return Figure(
        key=comparison.key,
        title=comparison.title,
        unit=comparison.unit,
        better=comparison.better,
        expected=comparison.sketch(report.machine, limits, scale),
        target=comparison.target,
        note="Athanor over its engine's pipe." if comparison.has_guests else "",
    )


async def _servers_alone(peer: PeerBinaries, launch: Launch, scale: Scale) -> list[Figure]:
    """The rows that need no model, or only one side."""
    start = Figure(
        key="start",
        title="Process start to /v1/models",
        unit="s",
        better="lower",
        expected="reading the interpreter's and the libraries' modules; llama-server has none to "
        "read and loads its model meanwhile.",
        target="< 1.5 s",
    )
    idle = Figure(
        key="idle",
        title="Server process idle, no model loaded: resident",
        unit="MB",
        better="lower",
        expected="a Python with an HTTP stack is 40 to 80 MB; llama-server is its router mode.",
        target="< 90 MB",
    )
    unload = Figure(
        key="unload",
        title="Unload: engine gone and its memory back",
        unit="s",
        better="lower",
        expected="ending a process that holds 0.7 GB takes the system some 10 ms.",
        target="<= 1.5 s",
    )
    for turn in range(scale.repetitions):
        _say(f"servers alone {turn + 1}")
        start.add(LLAMA_SERVER, await server_alone.llama_server_start_seconds(peer, launch))
        start.add(ATHANOR, await server_alone.athanor_start_seconds(launch.model))
        idle.add(LLAMA_SERVER, await server_alone.llama_server_idle_bytes(peer) / 1e6)
        idle.add(ATHANOR, await server_alone.athanor_idle_bytes(launch.model) / 1e6)
        unload.add(ATHANOR, await server_alone.athanor_unload_seconds(launch))
    return [start, idle, unload, *await _passing_on(scale)]


async def _passing_on(scale: Scale) -> list[Figure]:
    """What the server process costs, the engine being a toy."""
    _say("passing on")
    chunks = Figure(
        key="chunks",
        title="Streamed chunks a second of one core of the server process",
        unit="chunks/s",
        better="higher",
        expected="a chunk is a msgpack decode, a JSON encode and a socket write: 100 to 200 us.",
        target=">= 5,000",
        note="By the clock, engine and client on the same cores, as the other figure.",
    )
    for _ in range(scale.repetitions):
        by_core, by_clock = await server_alone.chunk_rates()
        chunks.add(ATHANOR, by_core)
        chunks.add("by the clock", by_clock)
    addition = Figure(
        key="addition",
        title="Server's addition to the first token, toy engine",
        unit="ms",
        better="lower",
        expected="one HTTP request, one message each way over a pipe: 1 to 3 ms.",
        target="<= 5 ms p50",
        note="Median over HTTP less median over the engine's pipe.",
    )
    over_http, over_pipe = await server_alone.server_addition_ms(_HTTP_ASKS)
    addition.samples = {"over HTTP": over_http, "over the pipe": over_pipe}
    whole, engine = addition.median("over HTTP"), addition.median("over the pipe")
    assert whole is not None
    assert engine is not None
    addition.add(ATHANOR, whole - engine)
    return [chunks, addition]


def _say(text: str) -> None:
    """Progress, on standard error."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
