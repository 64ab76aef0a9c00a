"""What benchmarks/openmp.py makes of its figures: when two builds are apart, and who decides."""

import pytest

from benchmarks.machine import Machine
from benchmarks.openmp import Record, Row

MACHINE = Machine(
    processor="p", cores=2, memory_bytes=1, system="s", python="3", compiler="c",
    load_average=(0.0, 0.0, 0.0), read_bytes_per_second=1.0,
)  # fmt: skip


def row(off: list[float], on: list[float], *, threads: int = 2) -> Row:
    return Row(figure="prefill", threads=threads, busy_cores=0, off=off, on=on)


def record(*rows: Row) -> Record:
    return Record(
        commit="c", machine=MACHINE, llama="l", model="m", variant="haswell", spin_count="1",
        others_cores=[0.0], rows=list(rows),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("on", "faster"),
    [
        ([110.0] * 7, "on"),
        ([90.0] * 7, "off"),
        ([104.0] * 7, ""),  # every pair agrees, and it is too little to matter
        ([110.0] * 6 + [90.0], "on"),
        ([110.0] * 5 + [90.0] * 2, ""),  # two pairs of seven say the contrary
        ([90.0] * 6 + [110.0], "off"),
        ([90.0] * 5 + [110.0] * 2, ""),
    ],
)
def test_builds_are_apart_by_five_per_cent_and_six_pairs_of_seven(
    on: list[float], faster: str
) -> None:
    assert row([100.0] * 7, on).faster == faster


def test_openmp_stays_where_one_row_of_threads_is_faster_with_it() -> None:
    slower, alike, faster = ([each] * 7 for each in (90.0, 100.0, 110.0))

    assert record(row(alike, slower), row(alike, faster)).decision == "on"
    assert record(row(alike, slower), row(alike, alike)).decision == "off"


def test_one_thread_decides_nothing_and_tells_of_noise() -> None:
    control = row([100.0] * 7, [110.0] * 7, threads=1)
    found = record(control, row([100.0] * 7, [100.0] * 7))

    assert found.decision == "off"
    assert found.is_noisy
