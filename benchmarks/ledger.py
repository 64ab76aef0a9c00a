"""How many holds and settlements a second the books take, every one on the disk, on one core.

    python -m benchmarks.ledger [--keep] [--seconds N] [--core N] [--folder FOLDER]

Callers reserve and settle as a host's gateway does: each waits for its answer, many at once. The
whole process, event loop and writer, is pinned to one core. Beside it stands what the disk alone
can do: a small file written and flushed, again and again. `--folder` names the disk that is
measured; a folder in memory would measure nothing. Only Linux can pin: elsewhere it is two cores.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import MINT, LedgerAccount, user
from app.core.ledger.commands import EventId, Posting, Reserve, Settle, Transfer
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.result import Result
from app.core.ledger.settlement import settle
from app.core.ledger.work import Attempt, End, Job, Reported
from app.server.storage.books import Bookkeeper
from benchmarks.machine import Machine, commit, describe

RECORD: Final = Path(__file__).parent / "results" / "ledger.json"
CALLERS: Final = (1, 16, 128, 1024)
TARGET: Final = 2_000
"""Holds with their settlements a second (docs/books.md)."""
WORKERS: Final = 50
FLUSHES: Final = 200
_NOW: Final = Microseconds(1_790_000_000 * SECOND)


@final
class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number of callers."""

    callers: int
    pairs: int
    pairs_per_second: float
    """A hold and its settlement are a pair."""
    processor_us: float
    """Of the core, a pair."""
    answer_ms_median: float
    """From a command to its answer on the disk."""
    answer_ms_p99: float
    bytes_per_pair: float


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    commit: str
    machine: Machine
    flush_ms_median: float
    """What the disk alone takes to make 4,096 bytes durable."""
    figures: list[Figure]
    audited_rows: int
    audit_seconds: float


def postings_of_a_job() -> tuple[Posting, ...]:
    """What settlement makes of an ordinary job; computed for each pair, as a host does."""
    settlement = settle(
        Job(
            payer=AccountId("payer"),
            prices=Prices(input=Micros(50_000), cached_input=Micros(9_999), output=Micros(200_001)),
            shares=Shares(worker=85, fee=10, fund=5),
            prompt=731,
        ),
        (
            Attempt(
                number=0,
                worker=AccountId("worker"),
                end=256,
                counted=256,
                reported=Reported(prompt=731, cached=100, answer=256),
                is_prefilled=True,
            ),
        ),
        End.COMPLETED,
        held=Micros(1_000),
    )
    return settlement.postings


async def measure(path: Path, callers: int, seconds: float) -> Figure:
    """One figure, on books of its own, by what was answered within so many seconds."""
    payers = [user(AccountId(f"payer-{number}")) for number in range(callers)]
    waited: list[float] = []
    async with await Bookkeeper.open(path) as books:
        for number, payer in enumerate(payers):
            amount = Micros(10**9)
            given = Transfer(
                id=EventId(f"grant-{number}"),
                at=_NOW,
                payer=MINT,
                payee=payer,
                amount=amount,
                source="granted",
            )
            assert (await books.submit(given)).result is Result.DONE
        numbers = count()
        end = time.perf_counter() + seconds

        async def call(place: int) -> None:
            while (begun := time.perf_counter()) < end:
                number = next(numbers)
                # As far from its neighbours as ids of callers are: indexes are not flattered.
                hold = EventId(f"job/{number * 2_654_435_761 % 2**32:08x}")
                reserve = Reserve(
                    id=hold,
                    at=_NOW,
                    account=payers[place],
                    amount=Micros(1_000),
                    timeout=Microseconds(60 * SECOND),
                    about=str(number),
                )
                assert (await books.submit(reserve)).result is Result.DONE
                between = time.perf_counter()
                postings = tuple(
                    Posting(_who(posting, number, place), posting.amount, posting.attempt)
                    for posting in postings_of_a_job()
                )
                ending = Settle(id=EventId(f"{hold}/end"), at=_NOW, hold=hold, postings=postings)
                assert (await books.submit(ending)).result is Result.DONE
                waited.extend((between - begun, time.perf_counter() - between))

        clock, processor = time.perf_counter(), time.process_time()
        await asyncio.gather(*(call(place) for place in range(callers)))
        took, used = time.perf_counter() - clock, time.process_time() - processor
    pairs = len(waited) // 2
    return Figure(
        callers=callers,
        pairs=pairs,
        pairs_per_second=pairs / took,
        processor_us=used / pairs * 1e6,
        answer_ms_median=statistics.median(waited) * 1e3,
        answer_ms_p99=statistics.quantiles(waited, n=100)[98] * 1e3,
        bytes_per_pair=os.stat(path).st_size / pairs,
    )


def _who(posting: Posting, number: int, place: int) -> LedgerAccount:
    """The payer of this caller, one of the workers, or an account of the pool."""
    if not posting.account.has_lots:
        return posting.account
    name = f"payer-{place}" if posting.amount < 0 else f"worker-{number % WORKERS}"
    return user(AccountId(name))


def flush_ms(folder: Path) -> float:
    """The median of writing 4,096 bytes and waiting for the disk."""
    took = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(FLUSHES):
            begun = time.perf_counter()
            file.write(os.urandom(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e3


async def measure_all(folder: Path, seconds: float, core: int) -> Record:
    """Every number of callers, then an audit of the largest books."""
    machine = describe(1)
    if sys.platform == "linux":
        os.sched_setaffinity(0, {core})
    figures = []
    for callers in CALLERS:
        figures.append(await measure(folder / f"{callers}.db", callers, seconds))
        print(f"{callers} callers: {figures[-1].pairs_per_second:.0f} pairs/s", file=sys.stderr)
    async with await Bookkeeper.open(folder / f"{CALLERS[-1]}.db") as books:
        begun = time.perf_counter()
        audited = await books.audit()
        audit_seconds = time.perf_counter() - begun
    assert audited.is_clean, audited.findings
    return Record(
        commit=commit(),
        machine=machine,
        flush_ms_median=flush_ms(folder),
        figures=figures,
        audited_rows=audited.seen,
        audit_seconds=audit_seconds,
    )


def table(record: Record) -> str:
    """The record as a table of docs/books.md."""
    lines = [
        "| callers at once | pairs a second | of one core, a pair | answer, median | answer, p99 |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.callers} | {one.pairs_per_second:.0f} | {one.processor_us:.0f} µs"
        f" | {one.answer_ms_median:.1f} ms | {one.answer_ms_p99:.1f} ms |"
        for one in record.figures
    ]
    load = record.machine.load_average[0]
    return "\n".join(
        (
            *lines,
            "",
            f"{record.machine.processor}; load average before it {load:.1f}; the disk alone"
            f" flushes 4,096 bytes in {record.flush_ms_median:.2f} ms; a pair takes"
            f" {record.figures[-1].bytes_per_pair:.0f} bytes; an audit of {record.audited_rows}"
            f" rows takes {record.audit_seconds:.1f} s.",
        )
    )


def main() -> int:
    """Parse, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="benchmarks.ledger", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the result down")
    parser.add_argument("--seconds", type=float, default=10, help="for each number of callers")
    parser.add_argument("--core", type=int, default=0, help="to which the process is pinned")
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        record = asyncio.run(measure_all(Path(folder), options.seconds, options.core))
    print(table(record))
    if options.keep:
        encoded = msgspec.json.format(msgspec.json.encode(record), indent=1)
        RECORD.write_bytes(encoded + b"\n")
    best = max(figure.pairs_per_second for figure in record.figures)
    print(f"target {TARGET} pairs/s: {'met' if best >= TARGET else 'missed'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
