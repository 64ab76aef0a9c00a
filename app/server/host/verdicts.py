"""Verdicts: the host's chain, and its checkpoints; and the chains of receipts that workers keep.

A worker's receipt counts when its key signed it, it is about what was offered, and it stands after
the last one of that device. A settled attempt gets a verdict with the receipt in it: signed, stored
and sent. Now and then the head of the chain is sworn to all members as a checkpoint.

Rule: one verdict after the other. The chain in memory goes on only when the disk has the link.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.settlement import Line
from app.core.ledger.work import Reported
from app.core.pool.checkpoint import CHECKPOINT, CheckpointBody
from app.core.pool.checkpoint_watch import CheckpointWatch
from app.core.pool.device_chain import DeviceChain
from app.core.pool.jobs.effects import Countersign
from app.core.pool.keys import Signer, Verifier
from app.core.pool.receipt import RECEIPT, VERDICT, Receipt, Verdict
from app.core.pool.signed import SignedBytes
from app.server.storage.checkpoints import Checkpoints
from app.server.storage.receipts import Receipts, StoredReceipt
from app.server.storage.unwritable import Unwritable
from app.wire.message import Message
from app.wire.pool import Checkpoint, Countersigned, Finished

log = logging.getLogger(__name__)

DOUBTS_MAX: Final = 100
AGAIN_SECONDS: Final = 5.0
"""After the disk refused a verdict."""


@final
class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A settled attempt: what a verdict is given on."""

    job: JobId
    attempt: int
    payer: AccountId
    device: DeviceId
    earner: AccountId
    receipt: SignedBytes
    """The worker's; empty where it gave none."""
    line: Line
    ending: str
    reason: str
    """Why less was paid than the receipt says; "" where it was not."""


@final
class Verdicts:
    """The chains of one host. Used by one event loop."""

    def __init__(
        self,
        receipts: Receipts,
        checkpoints: Checkpoints,
        *,
        signer: Signer,
        verify: Verifier,
        tell: Callable[[DeviceId, Message], bool],
        now: Callable[[], Microseconds],
    ) -> None:
        """`signer` is the pool's key; `tell` sends a frame to a member."""
        self._receipts, self._checkpoints = receipts, checkpoints
        self._signer, self._verify = signer, verify
        self._tell, self._now = tell, now
        self._pool = PoolId(signer.public)
        self._count, self._head = 0, b""
        self._sworn: Checkpoint | None = None
        self._sworn_count = self._sworn_number = -1
        self._sworn_hash = b""
        self._chains: dict[DeviceId, DeviceChain] = {}
        self._turn = asyncio.Lock()
        self._watch = CheckpointWatch((), pool=self._pool, verify=verify)
        self.doubts: list[str] = []
        """What members were told that is not in these chains, one sentence each."""

    async def load(self) -> None:
        """The chains as the disk has them. Once, at the start."""
        head = await self._receipts.head()
        if head is not None:
            self._count, self._head = head.position + 1, head.hash
        sworn = await self._checkpoints.all()
        self._watch = CheckpointWatch(sworn, pool=self._pool, verify=self._verify)
        if sworn:
            last = sworn[-1]
            body = CHECKPOINT.read(last.body)
            assert body is not None, "a checkpoint of ours"
            self._sworn = Checkpoint(checkpoint=last.body, signature=last.signature)
            self._sworn_count, self._sworn_number = body.count, body.number
            self._sworn_hash = last.hash
            if body.count > self._count:
                self._doubt(f"{body.count} receipts were sworn, and {self._count} are here")

    @property
    def count(self) -> int:
        """Verdicts in the chain."""
        return self._count

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The last that was sworn."""
        return self._sworn

    # --- workers' receipts -------------------------------------------------------------------

    async def device_head(self, device: DeviceId) -> tuple[int, bytes]:
        """How many receipts the host has of a device, and the hash of the last."""
        if device not in self._chains:
            last = await self._receipts.last_of_device(device)
            chain = DeviceChain()
            if last is not None:
                verdict = VERDICT.read(last.verdict)
                receipt = RECEIPT.read(verdict.receipt) if verdict is not None else None
                if receipt is not None:
                    chain = DeviceChain(receipt.number + 1, last.device_hash)
            self._chains.setdefault(device, chain)
        found = self._chains[device]
        return found.count, found.head

    def forget_device(self, device: DeviceId) -> None:
        """Its session is over; its chain is read again when it is back."""
        self._chains.pop(device, None)

    def reported(self, worker: DeviceId, finished: Finished) -> Reported | None:
        """What the receipt in it says; None where it does not hold."""
        signed = SignedBytes(finished.receipt, finished.signature)
        receipt = RECEIPT.read_signed(signed, worker, self._verify)
        if receipt is None or not self._is_about(worker, receipt, finished):
            log.warning("a receipt does not hold", extra={"device": worker[:12]})
            return None
        chain = self._chains.setdefault(worker, DeviceChain())
        if chain.take(receipt, signed.hash) == "forked":
            log.warning("a receipt of another chain", extra={"device": worker[:12]})
            return None
        return Reported(
            prompt=max(0, receipt.tokens_in),
            cached=max(0, receipt.tokens_cached),
            answer=max(0, receipt.tokens_out),
        )

    def _is_about(self, worker: DeviceId, receipt: Receipt, finished: Finished) -> bool:
        is_ours = (receipt.pool, receipt.device) == (self._pool, worker)
        return is_ours and (receipt.job, receipt.attempt) == (finished.job, finished.attempt)

    # --- verdicts ----------------------------------------------------------------------------

    async def countersign(self, effect: Countersign, charged: Micros) -> None:
        """The settled attempt is on the chain, and its worker has the verdict."""
        attempt, placement = effect.attempt, effect.attempt.placement
        work = Work(
            job=effect.request.job,
            attempt=attempt.number,
            payer=effect.request.account,
            device=placement.worker,
            earner=placement.account,
            receipt=SignedBytes(attempt.receipt, attempt.signature),
            line=effect.line,
            ending=effect.ending,
            reason=_reason(effect),
        )
        await self.give(work, charged)

    async def give(self, work: "Work", charged: Micros) -> None:
        """A verdict on the chain, sent to the worker; `charged` is for the whole job."""
        async with self._turn:
            signed = await self._append(work, charged)
        if signed is not None:
            frame = Countersigned(
                job=work.job,
                attempt=work.attempt,
                verdict=signed.body,
                signature=signed.signature,
            )
            self._tell(work.device, frame)

    def send(self, device: DeviceId, frame: Countersigned) -> None:
        """A verdict that was given before, once more."""
        self._tell(device, frame)

    async def _append(self, work: "Work", charged: Micros) -> SignedBytes | None:
        body = VERDICT.encode(self._verdict(work, charged))
        signed = SignedBytes(body, self._signer.sign(body))
        stored = StoredReceipt(
            job=work.job,
            attempt=work.attempt,
            payer=work.payer,
            device=work.device,
            earner=work.earner,
            position=self._count,
            hash=signed.hash,
            device_hash=work.receipt.hash if work.receipt.body else b"",
            verdict=signed.body,
            signature=signed.signature,
            at=self._now(),
        )
        while True:
            try:
                is_new = await self._receipts.append(stored)
            except Unwritable:
                log.warning("a verdict cannot be written", extra={"job": work.job})
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                break
        if not is_new:
            return None
        self._count, self._head = self._count + 1, signed.hash
        return signed

    def _verdict(self, work: "Work", charged: Micros) -> Verdict:
        line = work.line
        return Verdict(
            pool=self._pool,
            number=self._count,
            previous=self._head,
            job=work.job,
            attempt=work.attempt,
            device=work.device,
            receipt=work.receipt.body,
            receipt_signature=work.receipt.signature,
            prompt=line.prompt,
            cached=line.cached,
            answer=line.answer,
            again=line.again,
            charged=charged,
            earned=line.earned,
            from_fund=line.from_fund,
            ending=work.ending,
            reason=work.reason,
            at=self._now(),
        )

    # --- checkpoints -------------------------------------------------------------------------

    async def swear(self) -> Checkpoint | None:
        """A new checkpoint where the chain has grown; None where there is nothing new to say."""
        async with self._turn:
            if self._count <= self._sworn_count:
                return None
            body = CHECKPOINT.encode(
                CheckpointBody(
                    pool=self._pool,
                    number=self._sworn_number + 1,
                    previous=self._sworn_hash,
                    count=self._count,
                    head=self._head,
                    at=self._now(),
                )
            )
            signed = SignedBytes(body, self._signer.sign(body))
            await self._checkpoints.append(self._sworn_number + 1, signed)
            self._watch.swear(self._sworn_number + 1, signed)
            self._sworn_count, self._sworn_number = self._count, self._sworn_number + 1
            self._sworn_hash = signed.hash
            self._sworn = Checkpoint(checkpoint=body, signature=signed.signature)
            return self._sworn

    def shown(self, checkpoint: bytes) -> None:
        """The last checkpoint that a member saw, as its heartbeat carries it."""
        words = self._watch.contradiction(checkpoint)
        if words:
            self._doubt(words)

    def _doubt(self, words: str) -> None:
        if words not in self.doubts and len(self.doubts) < DOUBTS_MAX:
            self.doubts.append(words)
            log.error("the chain of receipts is in doubt", extra={"why": words})


def _reason(effect: Countersign) -> str:
    """Why less was paid than the receipt says; "" where it was not."""
    attempt, line = effect.attempt, effect.line
    if attempt.placement.circle == "own":
        return "the payer's own machine works for nothing"
    if attempt.reported is None:
        return "no receipt that holds was given"
    asker = effect.caller_counted
    if asker is not None and (
        line.answer == asker.answer_tokens < attempt.reported.answer
        or line.prompt == asker.prompt_tokens < attempt.reported.prompt
    ):
        return "the machine that asked under seal counted fewer tokens"
    if line.answer < attempt.reported.answer:
        if attempt.counted is not None and line.answer == attempt.counted.answer_tokens:
            return "the host's own count of the answer is smaller"
        return "only tokens that were delivered are paid"
    if line.prompt < attempt.reported.prompt and not line.again:
        return "the host's own count of the prompt is smaller"
    return ""
