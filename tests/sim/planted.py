"""Planted faults: hosts, disks and nodes that do one thing wrong, for test_mutations.py."""

from collections.abc import Iterator

import msgspec

from app.core.base.units import Micros
from app.core.ledger.changes import Decision
from app.core.ledger.commands import AnyCommand, Expire, Reserve, Settle
from app.core.ledger.decide import apply, refused
from app.core.ledger.pricing import Prices
from app.core.ledger.result import Result
from app.core.pool.jobs import effects as wanted
from app.core.pool.jobs.recovery import Orphan
from app.core.pool.receipt import Verdict
from tests.sim.disk import Disk, Key
from tests.sim.host import SimHost
from tests.sim.node import SimNode


class LosesAMicro(Disk):
    """With each settlement a micro falls out of somebody's lot."""

    def decide(self, command: AnyCommand) -> Decision:
        decision = apply(self.books, command)
        if isinstance(command, Settle) and decision.changes is not None:
            lots = (lot for one in self.books.balances for lot in self.books.lots_of(one))
            lot = next((lot for lot in lots if lot.free(command.at)), None)
            if lot is not None:
                lot.balance = Micros(lot.balance - 1)
        return decision


class HoldsTooMuch(Disk):
    """A micro more is held than was asked for."""

    def decide(self, command: AnyCommand) -> Decision:
        if isinstance(command, Reserve):
            command = msgspec.structs.replace(command, amount=Micros(command.amount + 1))
        return apply(self.books, command)


class RefusesTheSecond(Disk):
    """Nothing more is held for whoever has a job under way, however much there is."""

    def decide(self, command: AnyCommand) -> Decision:
        if isinstance(command, Reserve) and self.books.held(command.account):
            return refused(Result.INSUFFICIENT_CREDITS)
        return apply(self.books, command)


class TellsMoreThanItPaid(Disk):
    """A verdict says a micro more than the books gave."""

    def verdict(self, key: Key, device: str, **fields: object) -> Verdict:
        said = super().verdict(key, device, **fields)
        return msgspec.structs.replace(said, earned=Micros(said.earned + 1))


class ForgetsItsChain(Disk):
    """Each verdict begins a chain."""

    def verdict(self, key: Key, device: str, **fields: object) -> Verdict:
        said = super().verdict(key, device, **fields)
        return msgspec.structs.replace(said, previous=b"")


def with_disk(faulty: type[Disk]) -> type[SimHost]:
    """A host that keeps everything on such a disk."""

    class Host(SimHost):
        disk_type = faulty

    return Host


class NeverSweeps(SimHost):
    """Holds whose time is over stay."""

    def write(self, command: AnyCommand, *then: object) -> None:
        if not isinstance(command, Expire):
            super().write(command, *then)


class RefusesWithoutAWord(SimHost):
    """A caller is not told why."""

    def end(self, end: wanted.End) -> None:
        super().end(msgspec.structs.replace(end, kind="", message=""))


class PaysDoubleAfterARestart(SimHost):
    """Of a job that died with it, every attempt is paid twice the price that was agreed."""

    def orphaned(self) -> Iterator[Orphan]:
        for orphan in super().orphaned():
            records = tuple(_dearer(record) for record in orphan.records)
            yield msgspec.structs.replace(orphan, records=records)


class PaysNobodyAfterARestart(SimHost):
    """What is claimed of a job that died with it is worth nothing."""

    def orphaned(self) -> Iterator[Orphan]:
        for orphan in super().orphaned():
            yield msgspec.structs.replace(orphan, held=Micros(0))


class KeepsReceiptsInMemory(SimNode):
    """What was not countersigned is gone with a crash."""

    def crash(self) -> None:
        self.disk.outbox.clear()
        super().crash()


def _dearer(record: wanted.Record) -> wanted.Record:
    prices = record.prices
    double = Prices(
        input=Micros(2 * prices.input),
        cached_input=Micros(2 * prices.cached_input),
        output=Micros(2 * prices.output),
    )
    return msgspec.structs.replace(record, prices=double)
