"""Where the engine's time goes: microseconds of each part of a step, on the bench model.

    python -m benchmarks.micro [--keep]

The engine runs in this process, with the real backend under a stopwatch: what of a turn is not
llama_decode is ours. The parts are then measured alone. Numbers only, to optimise by; a minute.
"""

import argparse
import itertools
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, final

import msgspec
import psutil

from app.core.base.ids import OWNER_DOMAIN, RequestId, Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.limits import Limits
from app.core.scheduling.scheduler import Scheduler
from app.core.scheduling.sequence import Priority
from app.core.scheduling.sequence import Sequence as Scheduled
from app.core.scheduling.step import Row, Trim
from app.engine.backend import Backend, Floats, Sampler
from app.engine.chat.dialect import Dialect
from app.engine.constrain import Constrainer, Constraint, grammar_of
from app.engine.llama.backend import load
from app.engine.loop import PICK_THREADS
from app.engine.service import Service
from app.wire.engine import (
    Completed,
    Delta,
    Drain,
    FromEngine,
    Generate,
    OutputRegex,
    OutputSchema,
    PromptChat,
    PromptText,
    Said,
    Sampling,
)
from app.wire.framing import FrameReader, encode_frame
from app.wire.message import Json
from app.wire.model import ModelSource
from benchmarks.build_peer import ensure_peer
from benchmarks.limits import can_repack
from benchmarks.machine import Machine, commit, describe
from benchmarks.model import ensure_model
from benchmarks.peers.athanor_engine import plan_of
from benchmarks.peers.peer import Launch
from benchmarks.prompts import words

RECORD: Final = Path(__file__).parent / "results" / "micro.json"
TOKENS: Final = 64
ROUNDS: Final = 30
GREEDY: Final = Sampling(temperature=0.0)
GREEDY_ENDLESS: Final = Sampling(temperature=0.0, ignore_eos=True)


@final
class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One measured part."""

    name: str
    median_us: float
    least_us: float
    most_us: float


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    commit: str
    machine: Machine
    parts: list[Part]


@final
class Stopwatch:
    """A backend that notes how long each decode takes, and when it begins and ends."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.facts = backend.facts
        self.vocabulary = backend.vocabulary
        self.move = backend.move
        self.state_bytes = backend.state_bytes
        self.logits = backend.logits
        self.embed = backend.embed
        self.close = backend.close
        self.calls: list[tuple[int, float, float]] = []
        """Tokens, start, end."""
        self.choosing: list[float] = []

    def decode(self, rows: Sequence[Row]) -> None:
        """The backend's, timed."""
        begun = time.perf_counter()
        self._backend.decode(rows)
        tokens = sum(len(row.tokens) for row in rows)
        self.calls.append((tokens, begun, time.perf_counter()))

    def ready_for(self, sampling: Sampling) -> None:
        """The backend's."""
        self._backend.ready_for(sampling)

    def sampler(
        self, sampling: Sampling, prompt: Sequence[int], answered: Sequence[int] = ()
    ) -> Sampler:
        """The backend's, timed."""
        return _TimedSampler(self._backend.sampler(sampling, prompt, answered), self.choosing)


@final
class _TimedSampler:
    def __init__(self, sampler: Sampler, times: list[float]) -> None:
        self._sampler = sampler
        self._times = times
        self.close = sampler.close

    def choose(self, index: int) -> int:
        begun = time.perf_counter()
        token = self._sampler.choose(index)
        self._times.append(time.perf_counter() - begun)
        return token


def turns(backend: Backend, streams: int, sampling: Sampling, name: str) -> list[Part]:
    """Of a real loop with `streams` decoding: the decode call, the choices, and all the rest."""
    watch = Stopwatch(backend)
    left = streams
    all_ended = threading.Event()

    def send(events: Sequence[FromEngine]) -> None:
        nonlocal left
        left -= sum(isinstance(event, Completed) for event in events)
        if not left:
            all_ended.set()
        for event in events:
            encode_frame(event)  # the channel's work, on the loop's thread

    service = Service(watch, send=send, clock=time.monotonic, chance=random.Random(1))
    thread = threading.Thread(target=service.run, name="engine loop")
    thread.start()
    for stream in range(streams):
        prompt = PromptText(text=words(16, seed=stream))
        service.take(
            Generate(
                request=RequestId(f"micro-{stream}"),
                prompt=prompt,
                sampling=sampling,
                max_tokens=TOKENS,
                cache_prompt=False,
            )
        )
    all_ended.wait()
    service.take(Drain())
    thread.join()
    for slot in range(backend.facts.plan.slots):
        backend.move(Trim(Slot(slot), 0))
    # only turns in which all decode, one after the other
    calls = [call for call in watch.calls if call[0] == streams][2:]
    decodes = [end - begin for _, begin, end in calls]
    betweens = [after[1] - before[2] for before, after in itertools.pairwise(calls)]
    return [
        _part(f"{name}: decode call", decodes),
        _part(f"{name}: between two decode calls, all of it", betweens),
        _part(f"{name}: one choice, of these", watch.choosing),
    ]


def samplers(backend: Backend) -> Iterable[Part]:
    """Choosing one token, and eight side by side as the loop does."""
    rows = [Row(i, Slot(i), 0, [1000 + i], logits=1) for i in range(8)]
    backend.decode(rows)
    kinds = {
        "greedy": GREEDY,
        "greedy, end ignored": GREEDY_ENDLESS,
        "defaults (top_k 40, top_p, min_p)": Sampling(seed=1),
        "temperature alone": Sampling(seed=1, top_k=0, top_p=1.0, min_p=0.0),
        "top_p without top_k": Sampling(seed=1, top_k=0, min_p=0.0),
        "penalties and defaults": Sampling(seed=1, repeat_penalty=1.1, frequency_penalty=0.1),
    }
    with ThreadPoolExecutor(PICK_THREADS) as pool:
        for kind, sampling in kinds.items():
            made = [backend.sampler(sampling, [1, 2, 3]) for _ in rows]
            yield _timed(f"sampler, {kind}: 1", partial(made[0].choose, 0))
            yield _timed(
                f"sampler, {kind}: 8 on {PICK_THREADS} threads",
                partial(_all_on, pool, made),
            )
            for sampler in made:
                sampler.close()
    for slot in range(8):
        backend.move(Trim(Slot(slot), 0))


def _all_on(pool: ThreadPoolExecutor, made: Sequence[Sampler]) -> list[int]:
    return list(pool.map(lambda pair: pair[1].choose(pair[0]), enumerate(made)))


def masks(backend: Backend) -> Iterable[Part]:
    """Holding one token to a grammar."""
    vocabulary = backend.vocabulary
    begun = time.perf_counter()
    ends = [token for token in range(vocabulary.size) if vocabulary.is_end(token)]
    constrainer = Constrainer(vocabulary.constraint_tokenizer(), ends)
    yield _part("grammar: tokenizer of the vocabulary, once", [time.perf_counter() - begun])
    schema: Json = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "age", "tags"],
    }
    form = grammar_of(OutputSchema(schema=schema))
    yield _timed("grammar: compile a schema", lambda: constrainer.compile(form))
    backend.decode([Row(0, Slot(0), 0, [1000], logits=1)])
    logits = backend.logits(0)
    original = logits.copy()
    states = {
        "schema, at its beginning": (form, ""),
        "schema, within a string": (form, '{"name": "Ann'),
        "regex of free text": (grammar_of(OutputRegex(pattern=r"(.|\n)*")), ""),
    }
    for name, (grammar, said) in states.items():
        constraint = constrainer.compile(grammar)
        for token in vocabulary.tokenize(said, add_special=False, parse_special=False):
            constraint.accept(token)

        yield _timed(f"grammar mask: {name}", partial(_mask, constraint, logits, original))
    backend.move(Trim(Slot(0), 0))


def _mask(constraint: Constraint, logits: Floats, original: Floats) -> None:
    """Copying the logits back costs some 20 us of it."""
    logits[:] = original
    constraint.mask(logits)


def texts(backend: Backend) -> Iterable[Part]:
    """Templates, tokens and frames."""
    vocabulary = backend.vocabulary
    template = backend.facts.chat_template

    def learn() -> Dialect:
        return Dialect.learn(template, bos=vocabulary.bos_text, eos=vocabulary.eos_text)

    yield _timed("template: learn its dialect", learn, rounds=3)
    dialect = learn()
    chat = PromptChat(
        messages=[
            {"role": "assistant" if turn % 2 else "user", "content": words(40, seed=turn)}
            for turn in range(21)
        ]
    )
    yield _timed("template: render 21 turns", lambda: dialect.prepare(chat, None))
    text = words(2000, seed=1)
    yield _timed(
        "tokenize 2,000 words",
        lambda: vocabulary.tokenize(text, add_special=True, parse_special=True),
    )
    delta = Delta(request=RequestId("micro-1"), choice=0, parts=[Said(text=" word")])
    yield _timed("frame: encode one Delta", lambda: encode_frame(delta), batch=100)
    frame = encode_frame(delta)
    reader: FrameReader[FromEngine] = FrameReader(FromEngine)
    yield _timed("frame: decode one Delta", lambda: list(reader.feed(frame)), batch=100)


def schedules() -> Iterable[Part]:
    """plan() and commit() while all sequences decode, contexts of 2,000 tokens."""
    for count in (1, 8, 16, 64):
        limits = Limits(cells=count * 4096, slots=3 * count, sequences=count, step_tokens=4096)
        scheduler = Scheduler(limits)
        for number in range(count):
            chance = random.Random(number)
            scheduler.add(
                Scheduled(
                    id=number,
                    domain=OWNER_DOMAIN,
                    priority=Priority.OWNER,
                    arrival=number,
                    tokens=[chance.randrange(150_000) for _ in range(2000)],
                    prompt_tokens=2000,
                    tokens_max=4000,
                    is_open_ended=False,
                )
            )

        while _turn(scheduler) < count:
            pass
        yield _timed(
            f"scheduler: plan and commit, {count} decoding", partial(_turn, scheduler), rounds=200
        )


def _turn(scheduler: Scheduler) -> int:
    """How many sequences got a token."""
    step = scheduler.plan()
    chosen = {row.sequence: [7] for row in step.rows if row.logits}
    scheduler.commit(step, chosen)
    return len(chosen)


def _timed(name: str, act: Callable[[], object], *, rounds: int = ROUNDS, batch: int = 1) -> Part:
    """Each of `rounds` samples is the mean of `batch` calls; the first is not counted."""
    samples = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        for _ in range(batch):
            act()
        samples.append((time.perf_counter() - begun) / batch)
    return _part(name, samples[1:])


def _part(name: str, seconds: Sequence[float]) -> Part:
    return Part(
        name=name,
        median_us=statistics.median(seconds) * 1e6,
        least_us=min(seconds) * 1e6,
        most_us=max(seconds) * 1e6,
    )


def measure() -> Record:
    """Every part."""
    threads = psutil.cpu_count(logical=False) or 1
    launch = Launch(model=ensure_model(), context=8192, sequences=8, threads=threads)
    plan = msgspec.structs.replace(
        plan_of(launch), use_extra_buffers=can_repack(ensure_peer(), launch)
    )
    backend = _load(launch, plan)
    parts = list(schedules())
    for streams in (1, 8):
        parts += turns(backend, streams, GREEDY_ENDLESS, f"{streams} greedy")
        endless = Sampling(seed=1, ignore_eos=True)
        parts += turns(backend, streams, endless, f"{streams} sampled")
    parts += [*samplers(backend), *masks(backend), *texts(backend)]
    backend.close()
    return Record(commit=commit(), machine=describe(threads), parts=parts)


def _load(launch: Launch, plan: LoadPlan) -> Backend:
    source = ModelSource(path=str(launch.model), name=launch.model.stem)
    return load(source, plan, lambda stage, fraction: None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.micro", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the record down")
    options = parser.parse_args()
    record = measure()
    for part in record.parts:
        print(
            f"{part.name:55} {part.median_us:10.1f} us  ({part.least_us:.1f} to {part.most_us:.1f})"
        )
    if options.keep:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    sys.exit(0)
