"""Figures: a number that was measured, for each peer, with what was expected and is aimed at.

Samples are kept as they came; the median is what is said, least and most are said with it.
"""

import statistics
from typing import Literal, final

import msgspec

from benchmarks.machine import Machine
from benchmarks.peers.peer import Launch

LLAMA_SERVER = "llama-server"
ATHANOR = "athanor"


@final
class Figure(msgspec.Struct, kw_only=True):
    """One row of the table."""

    key: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    expected: str
    """The sketch made before measuring: bytes moved over bandwidth, or what work is needed."""
    target: str = ""
    samples: dict[str, list[float]] = {}
    """By peer, or by the name of a limit."""
    note: str = ""

    def add(self, peer: str, sample: float) -> None:
        """Keeps one more sample."""
        self.samples.setdefault(peer, []).append(sample)

    def median(self, peer: str) -> float | None:
        """None where the peer was not measured."""
        found = self.samples.get(peer)
        return statistics.median(found) if found else None

    def ratio(self, peer: str, base: str) -> float | None:
        """Median over median; None where one is missing."""
        above, below = self.median(peer), self.median(base)
        return None if above is None or not below else above / below


@final
class Report(msgspec.Struct, kw_only=True):
    """One run."""

    commit: str
    date: str
    machine: Machine
    model: str
    launch: dict[str, str | int | bool]
    scale: dict[str, int]
    seconds: float = 0.0
    load_average_after: float = 0.0
    figures: list[Figure] = []


def launch_facts(launch: Launch) -> dict[str, str | int | bool]:
    """The launch as it is written down, without the path of the model."""
    return {
        "context": launch.context,
        "sequences": launch.sequences,
        "threads": launch.threads,
        "step_tokens": launch.step_tokens,
        "flash_attention": launch.flash_attention,
        "key_type": launch.key_type,
        "value_type": launch.value_type,
        "repacks": launch.repacks,
        "speculation": launch.speculation,
    }


def as_markdown(report: Report) -> str:
    """The table, with the machine above it."""
    machine = report.machine
    lines = [
        f"Commit `{report.commit}`, {report.date}, {report.seconds / 60:.0f} minutes. "
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.read_bytes_per_second / 1e9:.1f} GB/s read; {machine.system}, "
        f"Python {machine.python}, {machine.compiler}. "
        f"Load average {machine.load_average[0]:.2f} before, {report.load_average_after:.2f} "
        f"after. Model {report.model}.",
        "",
        "Launch: " + ", ".join(f"{key} {value}" for key, value in report.launch.items()) + ".",
        "",
        "| figure | unit | athanor | llama-server | ratio | limit or others | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for figure in report.figures:
        others = [peer for peer in figure.samples if peer not in {ATHANOR, LLAMA_SERVER}]
        ratio = figure.ratio(ATHANOR, LLAMA_SERVER)
        lines.append(
            f"| {figure.title} | {figure.unit} | {_cell(figure, ATHANOR)} "
            f"| {_cell(figure, LLAMA_SERVER)} | {'' if ratio is None else f'{ratio:.2f}'} "
            f"| {'; '.join(f'{peer} {_cell(figure, peer)}' for peer in others)} "
            f"| {figure.target} |"
        )
    lines += ["", "What was expected, and remarks:", ""]
    for figure in report.figures:
        remark = f" {figure.note}" if figure.note else ""
        lines.append(f"- {figure.title}: {figure.expected}{remark}")
    return "\n".join(lines) + "\n"


def _cell(figure: Figure, peer: str) -> str:
    """Median, and least to most where there are several samples."""
    samples = figure.samples.get(peer)
    if not samples:
        return ""
    text = _number(statistics.median(samples))
    if len(samples) > 1:
        text += f" ({_number(min(samples))} to {_number(max(samples))})"
    return text


def _number(value: float) -> str:
    """Three figures that mean something."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
