"""Greedy answers beside llama-server's, token for token, on the same file.

    python -m benchmarks.equality [--threads N] [--keep]

Fifty prompts are answered by both, one at a time and eight at a time. The tokens must be equal,
with one exception: ggml's sums depend on which cells a sequence lies in and on how many rows are
computed together, so logits move in their last digits with the company a sequence keeps, and where
two candidates are nearly level either may win. Such a place counts as a near-tie when both sides
rank the other's choice within the case's `near_tie_nats` of their own; after it the answers are
different texts, and comparison ends. Anything else is a fault of ours.

How far rounding goes is shown by a control: llama-server alone beside llama-server in company.
In F32 without flash attention it goes nowhere near a tie, so there all must be equal. Quantised
weights are no use here: ggml then rounds activations to 8 bits too, and without a training the
candidates lie no further apart than that. On the bench model in Q8_0 llama-server gives itself the
same 48 tokens, alone and in company, for 5 prompts of 50.
"""

import argparse
import asyncio
import dataclasses
import sys
from pathlib import Path
from typing import Final, Literal, final

import msgspec
import psutil

from app.wire.engine import Delta, Generate, PromptText, Said
from benchmarks.build_peer import PeerBinaries, ensure_peer
from benchmarks.client import PeerFailed, fetch
from benchmarks.limits import can_repack
from benchmarks.machine import commit, processor
from benchmarks.model import EXACT, Shape, ensure_model
from benchmarks.peers.athanor_engine import GREEDY, AthanorEngine, EngineService
from benchmarks.peers.http import HttpService
from benchmarks.peers.llama_server import LlamaServer
from benchmarks.peers.peer import Launch
from benchmarks.prompts import words
from benchmarks.verdict import Answers, Chosen, Comparison, judge, summary

RECORD: Final = Path(__file__).parent / "results" / "greedy_equality.json"
PROMPTS: Final = 50
TOKENS: Final = 48
COMPANY: Final = 8
_TOP: Final = 8


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model and how it is run."""

    shape: Shape
    cell_type: str
    flash_attention: Literal["auto", "off"]
    near_tie_nats: float
    """A few times what rounding was seen to move a gap by."""


STRICT: Final = Case(shape=EXACT, cell_type="f32", flash_attention="off", near_tie_nats=0.0005)
USUAL: Final = Case(shape=EXACT, cell_type="f16", flash_attention="auto", near_tie_nats=0.1)


@final
class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A case, judged."""

    model: str
    cells: str
    flash_attention: str
    comparisons: list[Comparison]


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is committed."""

    commit: str
    processor: str
    trials: list[Trial]


def prompts() -> list[str]:
    """Short and long, raw and as chat turns, in prose, code and other scripts."""
    beginnings = ("The", "def main(", "東京は", '{"name": ', "Привет", "🙂 ok", "1 2 3", "\n\n")
    found = []
    for number in range(PROMPTS):
        text = f"{beginnings[number % 8]} {words(2 + number * 5, seed=number)}"
        if number % 2:
            text = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
        found.append(text)
    return found


def launch_of(case: Case, peer: PeerBinaries, threads: int) -> Launch:
    """How both sides serve the case."""
    launch = Launch(
        model=ensure_model(case.shape),
        context=8192,
        sequences=8,
        threads=threads,
        key_type=case.cell_type,
        value_type=case.cell_type,
        flash_attention=case.flash_attention,
    )
    return dataclasses.replace(launch, repacks=can_repack(peer, launch))


async def ask_llama_server(peer: PeerBinaries, launch: Launch, together: int) -> Answers:
    """Its answers to all prompts, so many at a time. Raises: PeerFailed."""
    answers: Answers = []
    async with LlamaServer(peer.server).serve(launch) as service:
        assert isinstance(service, HttpService)
        for group in _groups(together):
            answers += await asyncio.gather(*(_llama_server(service, text) for text in group))
    return answers


async def ask_athanor(launch: Launch, together: int) -> Answers:
    """Ours. Alone, a few are asked without log probabilities too. Raises: PeerFailed."""
    answers: Answers = []
    async with AthanorEngine().serve(launch) as engine:
        assert isinstance(engine, EngineService)
        for number, group in enumerate(_groups(together)):
            told = await asyncio.gather(*(_athanor(engine, text) for text in group))
            answers += [chosen for chosen, _ in told]
            if together == 1 and number % 5 == 0:
                await _check_short_way(engine, group[0], told[0][1])
    return answers


def _groups(together: int) -> list[list[str]]:
    asked = prompts()
    return [asked[first : first + together] for first in range(0, len(asked), together)]


async def _llama_server(service: HttpService, text: str) -> list[Chosen]:
    """Its tokens, by its own endpoint, since OpenAI's does not tell ids."""
    body = {
        "prompt": text,
        "n_predict": TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": False,
        "n_probs": _TOP,
        "return_tokens": True,
    }
    answer = msgspec.json.decode(
        await fetch(service.port, "POST", "/completion", body), type=_Completion
    )
    told = iter(answer.completion_probabilities)
    place = next(told, None)
    chosen = []
    for token in answer.tokens:
        if place is not None and place.id == token:
            top = {one.id: one.logprob for one in (place, *place.top_logprobs)}
            place = next(told, None)
        else:
            top = {}
        chosen.append(Chosen(token, top))
    return chosen


class _Candidate(msgspec.Struct):
    id: int
    logprob: float


class _Place(_Candidate):
    top_logprobs: list[_Candidate]


class _Completion(msgspec.Struct):
    tokens: list[int]
    completion_probabilities: list[_Place]


async def _athanor(engine: EngineService, text: str) -> tuple[list[Chosen], str]:
    """Its tokens, with log probabilities, and their text."""
    chosen, said = [], ""
    async for event in engine.stream(_request(engine, text, top_logprobs=_TOP)):
        if isinstance(event, Delta):
            said += _text(event)
            for place in event.logprobs:
                top = {token: logprob for token, _, logprob in place.top}
                chosen.append(Chosen(place.token, top | {place.token: place.logprob}))
    return chosen, said


async def _check_short_way(engine: EngineService, text: str, said: str) -> None:
    """Without log probabilities the arg-max alone decides; that must give the same text.

    Raises: PeerFailed when it does not.
    """
    events = engine.stream(_request(engine, text, top_logprobs=None))
    plain = "".join([_text(event) async for event in events if isinstance(event, Delta)])
    if plain != said:
        raise PeerFailed(f"asking for log probabilities changed an answer: {plain!r}, {said!r}")


def _request(engine: EngineService, text: str, *, top_logprobs: int | None) -> Generate:
    return Generate(
        request=engine.new_request(),
        prompt=PromptText(text=text),
        sampling=GREEDY,
        max_tokens=TOKENS,
        top_logprobs=top_logprobs,
        cache_prompt=False,
    )


def _text(delta: Delta) -> str:
    return "".join(part.text for part in delta.parts if isinstance(part, Said))


async def _try(case: Case, peer: PeerBinaries, threads: int) -> Trial:
    """Alone, in company, and the control."""
    launch = launch_of(case, peer, threads)
    alone, company = "llama-server, alone", f"llama-server, {COMPANY} together"
    theirs_alone = await ask_llama_server(peer, launch, 1)
    theirs = await ask_llama_server(peer, launch, COMPANY)
    ours_alone = await ask_athanor(launch, 1)
    ours = await ask_athanor(launch, COMPANY)
    return Trial(
        model=case.shape.name,
        cells=case.cell_type,
        flash_attention=case.flash_attention,
        comparisons=[
            compare(case, "athanor, alone", ours_alone, alone, theirs_alone),
            compare(case, f"athanor, {COMPANY} together", ours, company, theirs),
            compare(case, alone, theirs_alone, company, theirs),
        ],
    )


def compare(case: Case, left: str, lefts: Answers, right: str, rights: Answers) -> Comparison:
    """The verdict by the case's measure. Raises: PeerFailed when an answer is short."""
    return judge(left, lefts, right, rights, tokens_each=TOKENS, near_tie_nats=case.near_tie_nats)


async def _main(*, threads: int, keep: bool) -> int:
    peer = ensure_peer()
    trials: list[Trial] = []
    for case in (STRICT, USUAL):
        trial = await _try(case, peer, threads)
        trials.append(trial)
        print(f"{trial.model}, {trial.cells} cells, flash attention {trial.flash_attention}")
        for comparison in trial.comparisons:
            print(summary(comparison), flush=True)
    if keep:
        record = Record(commit=commit(), processor=processor(), trials=trials)
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return int(any(c.faults for trial in trials for c in trial.comparisons))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.equality", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the record down")
    cores = psutil.cpu_count(logical=False) or 1
    parser.add_argument("--threads", type=int, default=cores, help="1 where others compute too")
    options = parser.parse_args()
    sys.exit(asyncio.run(_main(threads=options.threads, keep=options.keep)))
