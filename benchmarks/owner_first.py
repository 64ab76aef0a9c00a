"""Owner first, by the whole path: the owner's first token while a pool's guests take all they can.

    python -m benchmarks.owner_first [--keep] [--rounds N] [--guests N] [--model PATH]

One host and one node that lends its model, as processes of their own. Guests stream through the
host's gateway, more of them than the node has sequences; the owner asks the node's own address.
Told are the owner's first token alone and among guests, and what became of the guests: an owner who
is served at their expense must still cost them time only, so every answer that was begun has to
come whole, with the tokens that were asked for, and the books have to hold.

Expected: alone the owner waits for the prefill of his prompt. Among guests the step under way ends
first (a part of a guest's prompt at most), then his prompt is computed alone.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import httpx
import msgspec

from benchmarks.machine import Machine, commit, describe
from benchmarks.model import ensure_model
from benchmarks.prompts import words
from tests.pool.members import WholePool, whole_pool

RECORD: Final = Path(__file__).parent / "results" / "owner_first.json"
TARGET: Final = 1.2
_PROMPT: Final = 256
_ANSWER: Final = 48
_OWNER_ANSWER: Final = 2
_HOST_FLAGS: Final = ("--pool-queue-seconds", "600", "--pool-log-level", "warning")


@final
class OwnerFirst(msgspec.Struct, frozen=True, kw_only=True):
    """One run: milliseconds to the owner's first token, and what guests got."""

    commit: str
    machine: Machine
    model: str
    alone_ms: list[float]
    among_guests_ms: list[float]
    ratio: float
    """Of the medians."""
    guests: int
    guest_answers: int
    guest_tokens_per_second: float
    lost_answers: int
    """Guests' answers that did not come whole."""
    audit_holds: bool


@dataclass
class Told:
    """What guests got so far."""

    whole: int = 0
    lost: int = 0
    tokens: int = 0
    is_many: asyncio.Event = field(default_factory=asyncio.Event)
    """As many answers as guests have come: they are at different places now."""
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


async def streamed(
    client: httpx.AsyncClient, url: str, body: dict[str, object]
) -> tuple[float, int]:
    """Seconds to the first text, and how many tokens the answer's end counts; 0 if it has none."""
    begun, first, counted = time.perf_counter(), 0.0, 0
    full = {**body, "stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
    async with client.stream("POST", f"{url}/completions", json=full) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            said = json.loads(line.removeprefix("data: "))
            if not first and any(choice["text"] for choice in said.get("choices", ())):
                first = time.perf_counter() - begun
            counted = (said.get("usage") or {}).get("completion_tokens", counted)
    return first, counted


async def owner(client: httpx.AsyncClient, url: str, model: str, seed: int) -> float:
    """Milliseconds to the first token of a prompt that nobody saw before."""
    body = {
        "model": model,
        "prompt": words(_PROMPT, seed=seed),
        "max_tokens": _OWNER_ANSWER,
        "ignore_eos": True,
    }
    first, _ = await streamed(client, url, body)
    assert first, "the owner got no answer"
    return first * 1000


async def guest(client: httpx.AsyncClient, url: str, number: int, guests: int, told: Told) -> None:
    """One of so many: asks again and again until told to stop, and reads its last answer whole."""
    turn = 0
    while not told.is_over.is_set():
        turn += 1
        body = {
            "model": "tiny",
            "prompt": words(_PROMPT, seed=100_000 + number * 1000 + turn),
            "max_tokens": _ANSWER,
            "ignore_eos": True,
        }
        _, counted = await streamed(client, url, body)
        told.whole += counted == _ANSWER
        told.lost += counted != _ANSWER
        told.tokens += counted
        if told.whole + told.lost >= guests:
            told.is_many.set()


async def measure(pool: WholePool, rounds: int, guests: int) -> OwnerFirst:
    """Alone, then among guests, on the same node."""
    (node,) = pool.nodes.values()
    model = pool.model.stem
    told = Told()
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(httpx.AsyncClient(timeout=600, trust_env=False))
        headers = {"Authorization": f"Bearer {pool.secret}"}
        away = await stack.enter_async_context(
            httpx.AsyncClient(timeout=600, trust_env=False, headers=headers)
        )
        await owner(home, node.base_url, model, seed=1)  # loads the engine
        alone = [await owner(home, node.base_url, model, seed=10 + n) for n in range(rounds)]
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(guests):
                group.create_task(guest(away, pool.host.base_url, number, guests, told))
            await told.is_many.wait()
            among = [await owner(home, node.base_url, model, seed=50 + n) for n in range(rounds)]
            told.is_over.set()
        seconds = time.perf_counter() - begun
    with pool.host.client() as operator:
        audit = operator.audit()
    return OwnerFirst(
        commit=commit(),
        machine=describe(1),
        model=model,
        alone_ms=[round(each, 1) for each in alone],
        among_guests_ms=[round(each, 1) for each in among],
        ratio=round(statistics.median(among) / statistics.median(alone), 2),
        guests=guests,
        guest_answers=told.whole,
        guest_tokens_per_second=round(told.tokens / seconds, 1),
        lost_answers=told.lost,
        audit_holds=audit.holds,
    )


def main() -> int:
    """Measure and print; 1 when a guest lost something or the books do not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help=f"write {RECORD.name}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--guests", type=int, default=8)
    parser.add_argument("--model", type=Path, help="a GGUF; else the benchmark's own is made")
    asked = parser.parse_args()
    model = asked.model or ensure_model()
    with (
        tempfile.TemporaryDirectory() as folder,
        whole_pool(Path(folder), model, "node", flags=_HOST_FLAGS) as pool,
    ):
        found = asyncio.run(measure(pool, asked.rounds, asked.guests))
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=2)
    sys.stdout.write(f"{encoded.decode()}\ntarget {TARGET}: "
                     f"{'met' if found.ratio <= TARGET else 'MISSED'}\n")  # fmt: skip
    if asked.keep:
        RECORD.write_bytes(encoded + b"\n")
    return 1 if found.lost_answers or not found.audit_holds else 0


if __name__ == "__main__":
    sys.exit(main())
