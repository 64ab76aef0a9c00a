"""OpenMP on or off in the bundle's llama.cpp: both builds, in turns, each in a fresh process.

    python -m benchmarks.openmp [--keep] [--rounds N]

What differs is the processor's module (build_openmp.py); what computes is the engine's own back
end. A run is a few seconds of prefill, of one stream and of eight, with all cores and with one
thread, on the machine as it is and beside a program that keeps one core busy. Nine rounds take ten
minutes. Only Linux: what a process has loaded is read from /proc.

Off takes libgomp out of the bundle, so it wins where it is no slower in any row (docs/adr/0030). A
row counts when its medians are 5% apart and six pairs of seven agree. With one thread ggml never
comes to OpenMP, so these rows are the control: where they are not alike, the machine was not quiet.

Expected of more threads: ggml alone makes them anew for each step, tens of microseconds of tens of
milliseconds, and they wait spinning; libgomp's stay, and sleep after SPIN_COUNT turns
(app/engine/llama). So alike on a quiet machine, but for short steps; beside a busy core a thread
that spins without end for one that has no core loses up to a turn of the scheduler at each barrier.
"""

import argparse
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, final

import msgspec
import psutil

from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.runtime.backends import module_name
from app.core.scheduling.step import Row as Tokens
from app.engine.backend import Backend
from app.engine.llama.threads import cores_allowed
from app.wire.model import ModelSource
from benchmarks.build_openmp import ROOT, Refused, ensure_sites, environment, word
from benchmarks.machine import Machine, commit, describe
from benchmarks.model import BENCH, ensure_model

RECORD: Final = Path(__file__).parent / "results" / "openmp.json"

ROUNDS: Final = 9
STREAMS: Final = 8
PREFILL: Final = 256
STEPS_ONE: Final = 32
STEPS_EIGHT: Final = 16
SETTLING: Final = 2
"""Steps before those that count."""
APART: Final = 1.05
"""Median over median past which two builds are not alike."""
BUSY: Final = 0.5
"""Load average past which others compute on the cores that are measured."""
OTHERS: Final = 0.1
"""Cores that others use during a run, past which the run is told to have met them."""
RUN_SECONDS_MAX: Final = 300
_SPIN: Final = (
    "import os\nparent = os.getppid()\n"
    "while os.getppid() == parent:\n    for _ in range(10**6): pass"
)
"""A program that computes, and ends by itself should its parent be gone."""

FIGURES: Final = ("prefill", "decode, 1 stream", "decode, 8 streams")


@final
class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a measuring process prints."""

    tokens_per_second: dict[str, float]
    """By figure."""
    has_openmp: bool
    """Whether libgomp is in its memory."""
    libraries: list[str]
    """Files of llama.cpp in its memory."""
    spin_count: str
    version: str


@final
class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure at one number of threads, quiet or beside a busy core. Tokens a second."""

    figure: str
    threads: int
    busy_cores: int
    off: list[float] = []
    on: list[float] = []
    """As they were measured: the first with the first of `off`."""

    @property
    def ratio(self) -> float:
        """The median with OpenMP over that without."""
        return statistics.median(self.on) / statistics.median(self.off)

    @property
    def pairs_on(self) -> int:
        """Pairs in which OpenMP was the faster."""
        return sum(on > off for off, on in zip(self.off, self.on, strict=True))

    @property
    def faster(self) -> Literal["on", "off", ""]:
        """The side that is faster by more than chance; "" where they are alike."""
        pairs = len(self.on)
        if self.ratio >= APART and self.pairs_on * 7 >= pairs * 6:
            return "on"
        if self.ratio <= 1 / APART and self.pairs_on * 7 <= pairs:
            return "off"
        return ""


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    commit: str
    machine: Machine
    llama: str
    model: str
    variant: str
    """Of the processor's module."""
    spin_count: str
    """libgomp's, as the engine sets it."""
    others_cores: list[float]
    """What all other programs used during each run, in the order of the runs."""
    rows: list[Row]

    @property
    def decision(self) -> Literal["on", "off"]:
        """What the bundle should have."""
        return "on" if any(row.faster == "on" for row in self.rows if row.threads > 1) else "off"

    @property
    def is_noisy(self) -> bool:
        """Whether the control says that chance alone sets builds apart."""
        return any(row.faster for row in self.rows if row.threads == 1)


# --- a measuring process -----------------------------------------------------------------------


def measure_here(model: Path, threads: int) -> Sample:
    """All figures, by the engine's own back end in this process, which has loaded nothing yet."""
    # Only here: they load llama.cpp.
    from app.engine.llama import library
    from app.engine.llama.backend import load

    plan = LoadPlan(
        context=2048, cells=2048, sequences=STREAMS, threads=threads, threads_batch=threads
    )
    source = ModelSource(path=str(model), name=model.stem)
    backend = load(source, plan, lambda stage, fraction: None)
    chance = random.Random(1)

    def rows(slots: Sequence[int], position: int, count: int) -> list[Tokens]:
        drawn = [[chance.randrange(1000, 100_000) for _ in range(count)] for _ in slots]
        return [Tokens(s, Slot(s), position, d, 1) for s, d in zip(slots, drawn, strict=True)]

    prefill = _seconds(backend, [rows([0], 0, PREFILL)])
    each = [rows([0], PREFILL + step, 1) for step in range(SETTLING + STEPS_ONE)]
    _seconds(backend, each[:SETTLING])
    one = _seconds(backend, each[SETTLING:])
    eight = range(1, 1 + STREAMS)
    each = [rows(eight, 8 + step, 1) for step in range(SETTLING + STEPS_EIGHT)]
    _seconds(backend, [rows(eight, 0, 8), *each[:SETTLING]])
    together = _seconds(backend, each[SETTLING:])
    loaded = _files_in_memory()
    backend.close()
    rates = (PREFILL / prefill, STEPS_ONE / one, STREAMS * STEPS_EIGHT / together)
    return Sample(
        tokens_per_second=dict(zip(FIGURES, rates, strict=True)),
        has_openmp=any("libgomp" in name for name in loaded),
        libraries=sorted(name for name in loaded if "ggml" in name or "libllama" in name),
        spin_count=os.environ.get("GOMP_SPINCOUNT", ""),
        version=library.version(),
    )


def _seconds(backend: Backend, steps: Sequence[Sequence[Tokens]]) -> float:
    begun = time.perf_counter()
    for step in steps:
        backend.decode(step)
    return time.perf_counter() - begun


def _files_in_memory() -> set[str]:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if ".so" in line}


# --- all of them in turns ----------------------------------------------------------------------


def measure_apart(site: Path, model: Path, threads: int, busy_cores: int) -> tuple[Sample, float]:
    """A sample of a fresh process, and how many cores all other programs used meanwhile.

    Raises: Refused when the process did not end well, or computed with other libraries.
    """
    clock, machine, ours = time.perf_counter(), _machine_seconds(), _children_seconds()
    with _spinning(busy_cores):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.openmp", "--here", str(model), str(threads)],
            env=environment(site), cwd=ROOT, capture_output=True, timeout=RUN_SECONDS_MAX,
            check=False,
        )  # fmt: skip
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Refused(f"a measuring process ended with {done.returncode}: {' '.join(last)}")
    others = _machine_seconds() - machine - (_children_seconds() - ours)
    sample = msgspec.json.decode(done.stdout, type=Sample)
    foreign = [name for name in sample.libraries if not name.startswith(str(site))]
    if foreign or sample.has_openmp is not (site.name == word(True)):
        raise Refused(f"{site.name}: libgomp {sample.has_openmp}, foreign {foreign}")
    return sample, round(max(0.0, others / (time.perf_counter() - clock)), 2)


@contextmanager
def _spinning(cores: int) -> Iterator[None]:
    """So many programs that compute, wherever the system puts them."""
    programs = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(cores)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _machine_seconds() -> float:
    """Processor time of everybody since the start of the machine, with what a host took away."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _children_seconds() -> float:
    """Of the processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_all(rounds: int) -> Record:
    """Builds what is not built, then every row, off and on in turns. Raises: Refused."""
    cores = cores_allowed()
    if cores < 2:
        raise Refused("with one core there is one thread, which never comes to OpenMP")
    machine, model = describe(cores), ensure_model()
    if machine.load_average[0] > BUSY:
        _say(f"load average {machine.load_average[0]:.1f}: this machine is busy, do not believe it")
    kinds = [(threads, busy) for busy in (0, 1) for threads in (1, cores)]
    rows = {
        (figure, *kind): Row(figure=figure, threads=kind[0], busy_cores=kind[1])
        for kind in kinds
        for figure in FIGURES
    }
    others_cores = []
    with tempfile.TemporaryDirectory() as folder:
        module, sites = ensure_sites(Path(folder).resolve())
        for number in range(rounds):
            for threads, busy in kinds:
                _say(f"round {number + 1} of {rounds}, {threads} threads, {busy} busy cores")
                for has_openmp, site in sites.items():
                    sample, others = measure_apart(site, model, threads, busy)
                    others_cores.append(others)
                    for figure, rate in sample.tokens_per_second.items():
                        row = rows[figure, threads, busy]
                        (row.on if has_openmp else row.off).append(round(rate, 2))
    named = module_name(module)
    return Record(
        commit=commit(),
        machine=machine,
        llama=sample.version,
        model=BENCH.name,
        variant=named.variant if named else "",
        spin_count=sample.spin_count,
        others_cores=others_cores,
        rows=list(rows.values()),
    )


def table(record: Record) -> str:
    """The record as a table of docs/performance.md."""
    lines = [
        "| figure, tokens/s | threads | busy cores | off | on | on / off | pairs on | faster |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.figure} | {row.threads} | {row.busy_cores} | {_cell(row.off)} | {_cell(row.on)}"
        f" | {row.ratio:.2f} | {row.pairs_on} of {len(row.on)} | {row.faster} |"
        for row in record.rows
    ]
    threaded = [row for row in record.rows if row.threads > 1]
    met = sum(others > OTHERS for others in record.others_cores)
    return "\n".join(
        (
            *lines,
            "",
            f"{record.machine.processor}, variant {record.variant}, GOMP_SPINCOUNT"
            f" {record.spin_count}; load average before it {record.machine.load_average[0]:.1f};"
            f" other programs used more than {OTHERS} of a core in {met} of"
            f" {len(record.others_cores)} runs, {max(record.others_cores):.1f} cores at most.",
            "",
            f"OpenMP {record.decision}: of the {len(threaded)} rows with {threaded[0].threads}"
            f" threads {sum(row.faster == 'on' for row in threaded)} are faster with it and"
            f" {sum(row.faster == 'off' for row in threaded)} without"
            f"{'; the control differs too, do not believe it' if record.is_noisy else ''}.",
        )
    )


def _cell(samples: Sequence[float]) -> str:
    """Median, and least to most."""
    return f"{statistics.median(samples):.1f} ({min(samples):.1f} to {max(samples):.1f})"


def _say(text: str) -> None:
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Parse, build, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="benchmarks.openmp", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the result down")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of each row")
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        model, threads = options.here
        print(msgspec.json.encode(measure_here(Path(model), int(threads))).decode())
        return 0
    try:
        if platform.system() != "Linux":
            raise Refused("what is loaded is read from /proc, which Linux alone has")
        record = measure_all(max(1, options.rounds))
    except (Refused, OSError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(record))
    if options.keep:
        encoded = msgspec.json.encode(record)
        RECORD.write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
