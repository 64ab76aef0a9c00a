"""A node's side of the two ledgers, as `server/node/pool/receipts` has it.

What is on its disk outlives a crash: the chain of its receipts, the outbox of those that were not
countersigned, the verdicts that came back, and every checkpoint that it saw.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.core.base.ids import JobId, PoolId
from app.core.pool.checkpoint import find_fork, read_checkpoint
from app.core.pool.receipt import VERDICT, Verdict, differs
from app.core.pool.signed import SignedBytes, hash_of, split_signed
from app.wire.opening import Established
from app.wire.pool import Checkpoint, Countersigned, Finished
from tests.sim.signatures import verify

Key = tuple[JobId, int]


@dataclass
class NodeDisk:
    """What outlives a crash."""

    receipts: list[SignedBytes] = field(default_factory=list)
    outbox: dict[Key, Finished] = field(default_factory=dict)
    verdicts: dict[Key, Verdict] = field(default_factory=dict)
    signed: dict[bytes, SignedBytes] = field(default_factory=dict)
    """Hash of a receipt -> the verdict on it, as the host signed it."""
    checkpoints: list[SignedBytes] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, ...]:
        """Other than before whenever something was written."""
        return len(self.receipts), len(self.outbox), len(self.verdicts), len(self.checkpoints)


class NodeChain:
    """Begins with what is on the disk. `disputes` are what the host's account has against ours."""

    def __init__(self, disk: NodeDisk, pool: PoolId) -> None:
        self.disk, self.pool = disk, pool
        self.checkpoint = b""
        """The last that the host signed, as heartbeats carry it."""
        self.disputes: list[str] = []

    def greeted(self, established: Established) -> Iterator[Finished]:
        """What the host lacks; what it says that it has of this device must be ours."""
        count, receipts = established.receipts, self.disk.receipts
        if count > len(receipts):
            self.disputes.append(f"the host has {count} receipts of {len(receipts)}")
        elif count and receipts[count - 1].hash != established.receipt_hash:
            self.disputes.append(f"the host has another receipt {count - 1}")
        yield from list(self.disk.outbox.values())

    def countersigned(self, frame: Countersigned) -> None:
        """The host's word on an attempt. Twice is as good as once."""
        key = (frame.job, frame.attempt)
        signed = SignedBytes(frame.verdict, frame.signature)
        verdict = VERDICT.read_signed(signed, self.pool, verify)
        if verdict is None or verdict.pool != self.pool:
            self.disputes.append(f"the verdict on {key} is not signed by the host")
            return
        sent = self.disk.outbox.get(key)
        if sent is None:
            is_known = self.disk.verdicts.get(key) == verdict
            if verdict.earned and not is_known:
                self.disputes.append(f"the verdict on {key} is about nothing that was sent")
            return
        why = differs(verdict, SignedBytes(sent.receipt, sent.signature))
        if why:
            self.disputes.append(f"the verdict on {key}: {why}")
            return
        self.disk.verdicts[key] = verdict
        self.disk.signed[hash_of(sent.receipt)] = signed
        del self.disk.outbox[key]

    def checkpointed(self, frame: Checkpoint) -> None:
        """The head of the host's chain, to be compared with those that were seen before."""
        signed = SignedBytes(frame.checkpoint, frame.signature)
        if read_checkpoint(signed, self.pool, verify) is None:
            self.disputes.append("a checkpoint is not signed by the host")
            return
        if fork := find_fork(self.disk.checkpoints, [signed], pool=self.pool, verify=verify):
            self.disputes.append(f"the host told two stories: {fork.message}")
        if signed not in self.disk.checkpoints:
            self.disk.checkpoints.append(signed)
        self.checkpoint = signed.joined

    def compare(self, joined: bytes) -> None:
        """A checkpoint that another node saw: it and ours must fit one chain."""
        theirs, mine = split_signed(joined), self.disk.checkpoints
        if joined and (fork := find_fork(mine, [theirs], pool=self.pool, verify=verify)):
            self.disputes.append(f"the host told another node another story: {fork.message}")
