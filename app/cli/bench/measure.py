"""Measure: what a benchmark sends, and figures from the times at which answers came.

llama-bench's definitions as far as HTTP allows. `pp512`: a prompt of 512 random tokens, by the
time from the request to its first token. `tg128`: 128 tokens from a prompt of one, by the time
from the first token to the last. With several streams all start together, and the rate is that
of all. `ttft512`: the time to the first token of each `pp` request by itself. Our figures include
HTTP, JSON and sampling; llama-bench's do not.
"""

import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, final

import msgspec

from app.client.client import Client
from app.client.errors import ServerSilent
from app.wire.openai.completions import CompletionRequest
from app.wire.openai.request import StreamOptions

Unit = Literal["tokens/s", "seconds"]

TOP_K: Final = 40
"""Text is drawn, not greedy: greedy text soon repeats itself, is guessed ahead and looks fast."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the result: a median with its spread, over the samples of all repetitions."""

    test: str
    """pp512, tg128 or ttft512."""
    streams: int
    unit: Unit
    median: float
    low: float
    high: float
    samples: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """One request: when it was sent, when its first token came and its last, and how many."""

    sent: float
    first: float
    last: float
    tokens: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One repetition: what to ask, on so many streams at once."""

    prompt_tokens: int
    answer_tokens: int
    streams: int


def measure(client: Client, model: str, vocabulary: int, plan: Round, seed: int) -> list[Times]:
    """Send the requests of one repetition together; their times. Raises: what the client raises."""
    chance = random.Random(seed)  # noqa: S311  # a benchmark wants the same tokens each time
    requests = [_request(model, vocabulary, plan, chance) for _ in range(plan.streams)]
    with ThreadPoolExecutor(plan.streams) as pool:
        return list(pool.map(lambda request: _timed(client, request), requests))


def prompt_rate(times: Sequence[Times], prompt_tokens: int) -> float:
    """Tokens a second of the prompts together, up to the last first token."""
    return prompt_tokens * len(times) / (max(t.first for t in times) - min(t.sent for t in times))


def answer_rate(times: Sequence[Times]) -> float:
    """Tokens a second of the answers together, after their first tokens."""
    seconds = max(t.last for t in times) - min(t.first for t in times)
    return sum(t.tokens - 1 for t in times) / seconds


def figure(test: str, streams: int, unit: Unit, samples: Sequence[float]) -> Figure:
    """The median of the samples, between the least and the greatest."""
    return Figure(
        test=test,
        streams=streams,
        unit=unit,
        median=statistics.median(samples),
        low=min(samples),
        high=max(samples),
        samples=tuple(samples),
    )


def _request(model: str, vocabulary: int, plan: Round, chance: random.Random) -> CompletionRequest:
    return CompletionRequest(
        model=model,
        prompt=[chance.randrange(vocabulary) for _ in range(plan.prompt_tokens)],
        max_tokens=plan.answer_tokens,
        ignore_eos=True,
        temperature=1.0,
        top_k=TOP_K,
        top_p=1.0,
        min_p=0.0,
        seed=chance.randrange(2**31),
        cache_prompt=False,
        stream=True,
        stream_options=StreamOptions(include_usage=True),
    )


def _timed(client: Client, request: CompletionRequest) -> Times:
    sent = time.perf_counter()
    first = last = 0.0
    tokens = 0
    for chunk in client.complete(request):
        now = time.perf_counter()
        if chunk.choices:
            first, last = first or now, now
        if chunk.usage:
            tokens = chunk.usage.completion_tokens
    if not first or tokens < 1:
        raise ServerSilent("the model answered nothing", remedy="`athanor doctor` may say why.")
    return Times(sent=sent, first=first, last=last, tokens=tokens)
