"""What is asked of every peer alike, turn by turn: A, B, A, B.

Each measurement is a function of a running service, a seed and the scale, and answers one number.
The seed makes the prompts: new for each repetition, the same for all peers.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, final

from benchmarks.client import Answer
from benchmarks.limits import Limits
from benchmarks.machine import Machine
from benchmarks.model import BENCH
from benchmarks.peers.peer import Ask, Service
from benchmarks.prompts import words

STREAMS: Final = 8
_TURN: Final = 16
"""Words of a user's turn behind a long prefix."""
_OWNER_ASKS: Final = 3
_GUEST_PROMPT: Final = 256
_GUEST_ANSWER: Final = 48
_BUSY: Final = "import time\nend = time.time() + 120\nwhile time.time() < end: pass"
"""A program that computes, and ends by itself should it be forgotten."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How long the run is. Tokens, but for the repetitions."""

    answer: int
    fresh_prompt: int
    shared_prefix: int
    cached_prefix: int
    repetitions: int
    repetitions_shared: int


FULL: Final = Scale(
    answer=96,
    fresh_prompt=512,
    shared_prefix=2000,
    cached_prefix=2000,
    repetitions=3,
    repetitions_shared=2,
)
QUICK: Final = Scale(
    answer=48,
    fresh_prompt=256,
    shared_prefix=500,
    cached_prefix=500,
    repetitions=1,
    repetitions_shared=1,
)

Measure = Callable[[Service, int, Scale], Awaitable[float]]
Sketch = Callable[[Machine, Limits, Scale], str]


async def decode_one(service: Service, seed: int, scale: Scale) -> float:
    """Tokens a second of one stream, after its first token."""
    answer = await service.ask(Ask(prompt=words(_TURN, seed=seed), tokens=scale.answer))
    return answer.tokens_per_second


async def decode_crowded(service: Service, seed: int, scale: Scale) -> float:
    """Tokens a second of one stream while other programs keep every core busy."""
    crowd = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _BUSY)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        ask = Ask(prompt=words(_TURN, seed=seed), tokens=scale.answer // 4)
        return (await service.ask(ask)).tokens_per_second
    finally:
        for program in crowd:
            program.kill()
            await program.wait()


async def decode_eight(service: Service, seed: int, scale: Scale) -> float:
    """Tokens a second of all streams, from the first sent to the last finished."""
    answers = await _together(
        service,
        [
            Ask(prompt=words(_TURN, seed=seed * 100 + stream), tokens=scale.answer)
            for stream in range(STREAMS)
        ],
    )
    tokens = sum(answer.usage.completion_tokens for answer in answers)
    return tokens / (max(a.finished for a in answers) - min(a.sent for a in answers))


async def fresh_prompt(service: Service, seed: int, scale: Scale) -> float:
    """Milliseconds to the first token of a prompt that nobody has seen."""
    answer = await service.ask(Ask(prompt=words(scale.fresh_prompt, seed=seed), tokens=4))
    return answer.first_seconds * 1000


async def shared_prefix(service: Service, seed: int, scale: Scale) -> float:
    """Seconds until the last of eight that arrive together with one long system prompt begins."""
    system = words(scale.shared_prefix, seed=seed)
    answers = await _together(
        service,
        [
            Ask(system=system, prompt=words(_TURN, seed=seed * 100 + stream), tokens=8)
            for stream in range(STREAMS)
        ],
    )
    return max(a.arrivals[0] for a in answers) - min(a.sent for a in answers)


async def cached_prefix(service: Service, seed: int, scale: Scale) -> float:
    """Milliseconds to the first token when all but the last turn was computed before."""
    system = words(scale.cached_prefix, seed=seed)
    seconds = []
    for turn in range(4):
        question = words(_TURN, seed=seed * 100 + turn)
        answer = await service.ask(Ask(system=system, prompt=question, tokens=4))
        seconds.append(answer.first_seconds)
    return statistics.median(seconds[1:]) * 1000


async def owner_among_guests(service: Service, seed: int, scale: Scale) -> float:
    """Time to first token while guests take all they can, over that of an idle engine."""

    async def owner(number: int) -> float:
        prompt = words(_GUEST_PROMPT, seed=seed * 1000 + number)
        return (await service.ask(Ask(prompt=prompt, tokens=4))).first_seconds

    is_busy = asyncio.Event()

    async def guest(number: int) -> None:
        for turn in range(1000):
            prompt = words(_GUEST_PROMPT, seed=seed * 1000 + 100 + number * 1000 + turn)
            await service.ask(Ask(prompt=prompt, tokens=_GUEST_ANSWER, is_guest=True))
            is_busy.set()

    alone = [await owner(number) for number in range(_OWNER_ASKS)]
    async with asyncio.TaskGroup() as group:
        # twice as many as run at once: some are always in prefill, and some wait in the queue
        guests = [group.create_task(guest(number)) for number in range(2 * STREAMS)]
        await is_busy.wait()
        among = [await owner(_OWNER_ASKS + number) for number in range(_OWNER_ASKS)]
        for task in guests:
            task.cancel()
    return statistics.median(among) / statistics.median(alone)


async def _together(service: Service, asks: list[Ask]) -> list[Answer]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(service.ask(ask)) for ask in asks]
    return [task.result() for task in tasks]


def _decode_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    read = BENCH.read_bytes
    ceiling = machine.read_bytes_per_second / read
    return (
        f"a token reads {read / 1e6:.0f} MB of weights; at "
        f"{machine.read_bytes_per_second / 1e9:.1f} GB/s that is at most {ceiling:.0f} a second, "
        f"unless the weights stay in cache."
    )


def _crowded_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    return (
        f"as many other programs as cores leave half of them: {limits.decode / 2:.0f} a second, "
        f"less what threads lose by spinning at barriers for one that is not running."
    )


def _eight_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    return (
        f"eight tokens share one reading of the weights, so arithmetic bounds it: between "
        f"{limits.decode:.0f} and {min(8 * limits.decode, limits.prefill):.0f} a second, less "
        f"{STREAMS} prompts of {_TURN} tokens."
    )


def _fresh_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    seconds = scale.fresh_prompt / limits.prefill
    return (
        f"{scale.fresh_prompt} tokens at llama-bench's {limits.prefill:.0f} a second are "
        f"{seconds * 1000:.0f} ms."
    )


def _shared_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    once = scale.shared_prefix / limits.prefill
    tails = STREAMS * 2 * _TURN / limits.prefill
    return (
        f"the prefix of {scale.shared_prefix} tokens takes {once:.1f} s, computed once and with "
        f"eight tails {once + tails:.1f} s, computed by all {STREAMS * once + tails:.1f} s."
    )


def _cached_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    cells = scale.cached_prefix * BENCH.cell_bytes
    return (
        f"a turn of {_TURN} words and its markers, about 24 tokens: a prefill of "
        f"{24 / limits.prefill * 1000:.0f} ms and a decode of {1000 / limits.decode:.0f} ms at "
        f"most, reading {cells / 1e6:.0f} MB of cache besides."
    )


def _owner_sketch(machine: Machine, limits: Limits, scale: Scale) -> str:
    alone = _GUEST_PROMPT / limits.prefill
    return (
        f"alone {alone * 1000:.0f} ms of prefill; the owner waits for the guests' step under way "
        f"and, where guests keep decoding beside, shares each step with them."
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row of the table that all peers are asked for."""

    key: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    target: str
    sketch: Sketch
    measure: Measure
    has_guests: bool = False
    """Then Athanor is asked over its engine's pipe, since guests have no HTTP path yet."""


COMPARISONS: Final = (
    Comparison(
        key="decode_one",
        title="Decode, 1 stream",
        unit="tokens/s",
        better="higher",
        target=">= 0.97 of llama-bench, >= 1.0 of llama-server",
        sketch=_decode_sketch,
        measure=decode_one,
    ),
    Comparison(
        key="decode_crowded",
        title="Decode, 1 stream, all cores busy with other programs",
        unit="tokens/s",
        better="higher",
        target="",
        sketch=_crowded_sketch,
        measure=decode_crowded,
    ),
    Comparison(
        key="decode_eight",
        title="Aggregate, 8 streams",
        unit="tokens/s",
        better="higher",
        target=">= 1.1 of llama-server",
        sketch=_eight_sketch,
        measure=decode_eight,
    ),
    Comparison(
        key="fresh_prompt",
        title="First token, new prompt",
        unit="ms",
        better="lower",
        target="",
        sketch=_fresh_sketch,
        measure=fresh_prompt,
    ),
    Comparison(
        key="shared_prefix",
        title="8 clients, one system prompt, together: last first token",
        unit="s",
        better="lower",
        target="<= 0.25 of llama-server",
        sketch=_shared_sketch,
        measure=shared_prefix,
    ),
    Comparison(
        key="cached_prefix",
        title="First token, cached prefix",
        unit="ms",
        better="lower",
        target="<= llama-server; <= 150 ms on a GPU",
        sketch=_cached_sketch,
        measure=cached_prefix,
    ),
    Comparison(
        key="owner_among_guests",
        title="Owner's first token with guests saturating, over idle",
        unit="ratio",
        better="lower",
        target="<= 1.2",
        sketch=_owner_sketch,
        measure=owner_among_guests,
        has_guests=True,
    ),
)
