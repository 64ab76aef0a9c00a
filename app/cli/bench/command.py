"""`athanor bench`: how fast a model is here, through the server as programs use it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app import __version__
from app.cli.bench.measure import (
    Figure,
    Round,
    Times,
    answer_rate,
    figure,
    measure,
    prompt_rate,
)
from app.cli.command import MODEL, command
from app.cli.exit_codes import Exit
from app.cli.flags import WISHES, load_request, setting_flags
from app.cli.output import note, print_json, print_table, stderr
from app.cli.progress import load_with_progress
from app.cli.server import running_or_own
from app.client.client import Client
from app.core.base.errors import RequestError
from app.wire.local import EnginePicture

REPETITIONS: Final = 5
"""As llama-bench has it, after a repetition that is not counted."""


class BenchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, on which model, loaded how, by which version."""

    version: str
    engine: EnginePicture
    prompt_tokens: int
    answer_tokens: int
    repetitions: int
    figures: tuple[Figure, ...]


@command(
    "bench",
    examples=(
        ("512 tokens in, 128 out, at 1 and 8 streams", "athanor bench qwen3-8b"),
        ("at other numbers of streams", "athanor bench qwen3-8b --streams 1,4,16"),
        ("long prompts, for a script", "athanor bench qwen3-8b --prompt-tokens 8192 --json"),
    ),
    answer=BenchResult,
)
@MODEL
@click.option(
    "--prompt-tokens",
    metavar="TOKENS",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Length of the prompts of pp and ttft.",
)
@click.option(
    "--answer-tokens",
    metavar="TOKENS",
    type=click.IntRange(2),
    default=128,
    show_default=True,
    help="Length of the answers of tg.",
)
@click.option(
    "--streams",
    metavar="COUNTS",
    default="1,8",
    show_default=True,
    help="How many requests at the same time, separated by commas.",
)
@click.option(
    "--repetitions",
    metavar="COUNT",
    type=click.IntRange(1),
    default=REPETITIONS,
    show_default=True,
    help="Of each measurement; one more warms up.",
)
@setting_flags(WISHES)
def bench(
    *,
    model: str,
    prompt_tokens: int,
    answer_tokens: int,
    streams: str,
    repetitions: int,
    is_json: bool,
    **wishes: str | None,
) -> int:
    """Measure how fast a model reads and writes, with llama-bench's definitions.

    pp: tokens of a prompt a second. tg: tokens of an answer a second. ttft: seconds to the first
    token. All through the server, with HTTP, JSON and sampling, so a little below llama-bench.
    Medians, with the least and the greatest of all repetitions.
    """
    counts = _counts(streams)
    request = load_request(model, wishes)
    with running_or_own() as client:
        engine = load_with_progress(client, request).engine
        _check_room(engine, prompt_tokens, answer_tokens, max(counts))
        vocabulary = next(m.meta.n_vocab for m in client.models() if m.id == engine.model)
        with _progress(steps=len(counts) * 2 * (repetitions + 1)) as advance:
            one = _Bench(
                client=client,
                model=engine.model,
                vocabulary=vocabulary,
                repetitions=repetitions,
                advance=advance,
            )
            figures = [
                measured
                for count in counts
                for measured in one.figures(prompt_tokens, answer_tokens, count)
            ]
    _tell(
        BenchResult(
            version=__version__,
            engine=engine,
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
            repetitions=repetitions,
            figures=tuple(figures),
        ),
        is_json=is_json,
    )
    return Exit.OK


@contextmanager
def _progress(*, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr where that is a terminal; what is yielded moves it on, and says the work."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr(),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("measuring", total=steps)

        def advance(words: str) -> None:
            progress.update(task, advance=1, description=words)

        yield advance


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """One model being measured; `advance` is called after each repetition."""

    client: Client
    model: str
    vocabulary: int
    repetitions: int
    advance: Callable[[str], None]

    def figures(self, prompt_tokens: int, answer_tokens: int, streams: int) -> list[Figure]:
        """The three figures at one number of streams."""
        read = self._repeated(
            Round(prompt_tokens=prompt_tokens, answer_tokens=1, streams=streams), "reading"
        )
        written = self._repeated(
            Round(prompt_tokens=1, answer_tokens=answer_tokens, streams=streams), "writing"
        )
        first_tokens = [each.first - each.sent for times in read for each in times]
        prompt_rates = [prompt_rate(times, prompt_tokens) for times in read]
        answer_rates = [answer_rate(times) for times in written]
        return [
            figure(f"pp{prompt_tokens}", streams, "tokens/s", prompt_rates),
            figure(f"tg{answer_tokens}", streams, "tokens/s", answer_rates),
            figure(f"ttft{prompt_tokens}", streams, "seconds", first_tokens),
        ]

    def _repeated(self, plan: Round, doing: str) -> list[list[Times]]:
        rounds = []
        for repetition in range(self.repetitions + 1):
            rounds.append(measure(self.client, self.model, self.vocabulary, plan, seed=repetition))
            self.advance(f"{doing}, {plan.streams} stream{'s' * (plan.streams > 1)}")
        return rounds[1:]  # the first one warms up


def _counts(streams: str) -> list[int]:
    try:
        counts = [int(part) for part in streams.split(",")]
    except ValueError:
        counts = []
    if not counts or not all(1 <= count <= 1000 for count in counts):
        raise click.UsageError("--streams takes numbers from 1 to 1000, separated by commas")
    return counts


def _check_room(engine: EnginePicture, prompt: int, answer: int, streams: int) -> None:
    """Raises RequestError where the context is too short; says so where requests must queue."""
    needed = max(prompt, answer) + 1
    if engine.context < needed:
        raise RequestError(
            f"{needed} tokens are needed, and {engine.model} is loaded with a context of "
            f"{engine.context}",
            remedy="Measure with smaller --prompt-tokens or --answer-tokens, or a greater "
            "--context.",
        )
    if streams > engine.sequences or streams * needed > engine.cells:
        note(
            f"{streams} streams do not all fit at once ({engine.sequences} sequences, "
            f"{engine.cells} cells): some will queue, and the figures show it."
        )


def _tell(result: BenchResult, *, is_json: bool) -> None:
    if is_json:
        print_json(result)
        return
    rows = [_row(figure) for figure in result.figures]
    print_table(("TEST", "STREAMS>", "MEDIAN>", "UNIT", "LEAST>", "GREATEST>"), rows)
    engine = result.engine
    note(
        f"{engine.model}, {engine.gpu_layers} of {engine.layers} layers on the GPU, context "
        f"{engine.context}, {result.repetitions} repetitions, Athanor {result.version}"
    )


def _row(measured: Figure) -> Sequence[str]:
    digits = 3 if measured.unit == "seconds" else 1
    return (
        measured.test,
        str(measured.streams),
        f"{measured.median:.{digits}f}",
        measured.unit,
        f"{measured.low:.{digits}f}",
        f"{measured.high:.{digits}f}",
    )
