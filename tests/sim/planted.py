"""Planted faults: hosts, disks and nodes that do one thing wrong, for test_mutations.py."""

from collections.abc import Iterator

import msgspec

from app.core.base.ids import DeviceId
from app.core.base.units import Micros
from app.core.ledger.changes import Decision
from app.core.ledger.commands import AnyCommand, Expire, Reserve, Settle
from app.core.ledger.decide import apply, refused
from app.core.ledger.pricing import Prices
from app.core.ledger.result import Result
from app.core.pool.checkpoint import CHECKPOINT
from app.core.pool.jobs import effects as wanted
from app.core.pool.jobs.recovery import Orphan
from app.core.pool.receipt import RECEIPT, VERDICT, Verdict
from app.core.pool.signed import SignedBytes, hash_of
from app.wire.pool import Checkpoint, Finished
from tests.sim.disk import Disk, Key
from tests.sim.host import SimHost
from tests.sim.host_chains import HostChains
from tests.sim.node import SimNode
from tests.sim.worker import Task


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


class TellsTwoStories(SimHost):
    """Every other device is sworn a chain in which the last verdict is another one."""

    def __init__(self, *those: object) -> None:
        self.other: list[SignedBytes] = []
        super().__init__(*those)

    def tell_checkpoint(self, device: DeviceId) -> None:
        if int(device, 16) % 2:
            super().tell_checkpoint(device)
            return
        for signed in self.disk.checkpoints[len(self.other) :]:
            self.other.append(self.resworn(signed))
        last = self.other[-1]
        self.door.send(device, Checkpoint(checkpoint=last.body, signature=last.signature))

    def resworn(self, signed: SignedBytes) -> SignedBytes:
        """The same, over another verdict, after the others of this story."""
        said = CHECKPOINT.read(signed.body)
        assert said is not None
        previous = self.other[-1].hash if self.other else b""
        body = CHECKPOINT.encode(
            msgspec.structs.replace(said, head=hash_of(said.head), previous=previous)
        )
        return SignedBytes(body, self.key.sign(body))


class RewritesReceipts(SimHost):
    """The receipt in a verdict says a token less than the one that its worker signed."""

    def send_verdict(self, device: DeviceId, key: Key, signed: SignedBytes) -> None:
        verdict = VERDICT.read(signed.body)
        assert verdict is not None
        receipt = RECEIPT.read(verdict.receipt)
        assert receipt is not None
        less = RECEIPT.encode(msgspec.structs.replace(receipt, tokens_out=receipt.tokens_out - 1))
        body = VERDICT.encode(msgspec.structs.replace(verdict, receipt=less))
        super().send_verdict(device, key, SignedBytes(body, self.key.sign(body)))


class ComesBackOlder(SimHost):
    """After a restart its chains are those of a copy from before the last checkpoint."""

    def start(self) -> None:
        if self.life and self.disk.checkpoints:
            sworn = CHECKPOINT.read(self.disk.checkpoints.pop().body)
            assert sworn is not None
            for signed in self.disk.verdicts[sworn.count - 1 :]:
                self.disk.by_attempt = {
                    key: one for key, one in self.disk.by_attempt.items() if one != signed
                }
            del self.disk.verdicts[sworn.count - 1 :]
        super().start()


class TakesAnyReceipt(SimHost):
    """It does not look whether a receipt goes on with its device's chain."""

    class chains_type(HostChains):
        def goes_on(self, device: DeviceId, frame: Finished) -> bool:
            return True


class ForksItsChain(SimNode):
    """It signs its last receipt anew, as if it had done other work."""

    def sign_receipt(self, task: Task, reason: str) -> SignedBytes:
        if self.disk.receipts:
            self.disk.receipts.pop()
        return super().sign_receipt(task, reason)


def _dearer(record: wanted.Record) -> wanted.Record:
    prices = record.prices
    double = Prices(
        input=Micros(2 * prices.input),
        cached_input=Micros(2 * prices.cached_input),
        output=Micros(2 * prices.output),
    )
    return msgspec.structs.replace(record, prices=double)
