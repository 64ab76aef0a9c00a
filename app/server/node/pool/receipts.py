"""Receipts: this device's signed account of its work, against the host's signed account of it.

A receipt is signed and on the disk before the host hears that an attempt is over, and it is sent
again in each new session until the host has counter-signed it. What the host counter-signs is
checked against what was sent; what does not agree is kept out of the books and shown.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, final

import msgspec

from app.core.base.ids import PoolId
from app.core.base.units import Micros, Microseconds
from app.core.pool.checkpoint import find_fork, read_checkpoint
from app.core.pool.receipt import RECEIPT, VERDICT, Receipt, Verdict, differs
from app.core.pool.signed import SignedBytes, split_signed
from app.server.identity.keys import DeviceKey, verify
from app.server.node.pool.work import Ending, Work
from app.server.storage.pool_receipts import KeptCheckpoint, KeptReceipt, PoolReceipts
from app.wire.engine import Refused
from app.wire.message import Message
from app.wire.opening import Established
from app.wire.pool import Checkpoint, Countersigned, Finished

log = logging.getLogger(__name__)

AGAIN_MAX: Final = 4_000
"""Receipts that a session begins with: far more than a host misses, and within a session's room."""

Book = Callable[[KeptReceipt, Micros, Microseconds], Awaitable[None]]
"""Puts what a receipt earned into the node's books; twice is as good as once."""


@final
class Receipts:
    """The chain of one device in one pool. Used by one event loop."""

    def __init__(
        self,
        pool: PoolId,
        *,
        key: DeviceKey,
        kept: PoolReceipts,
        send: Callable[[Message], bool],
        book: Book,
        settled: Callable[[Micros], None],
        clock: Callable[[], Microseconds],
        runtime: str,
    ) -> None:
        self._pool = pool
        self._key = key
        self._kept = kept
        self._send = send
        self._book = book
        self._settled = settled
        self._clock = clock
        self._runtime = runtime
        self._turn = asyncio.Lock()
        self.disputes: list[str] = []
        """What of the host's account does not agree with ours, one sentence each."""
        self.checkpoint = b""
        """The last that the host signed, as heartbeats carry it."""

    @property
    def unacknowledged(self) -> int:
        """Receipts without the host's word."""
        return self._kept.unacknowledged

    async def finish(self, work: Work, ending: Ending, refused: Refused | None) -> None:
        """The attempt is over: its receipt on the disk, then the host is told."""
        frame = Finished(
            job=work.offer.job,
            attempt=work.offer.attempt,
            reason=ending,
            completed=work.completed,
        )
        if work.has_counts:
            async with self._turn:
                # An attempt that is offered a second time is not paid a second time.
                before = await self._kept.find(work.offer.job, work.offer.attempt)
                if before is not None:
                    frame = msgspec.msgpack.decode(before.finished, type=Finished)
                else:
                    frame = await self._signed(work, ending, frame)
        self._send(msgspec.structs.replace(frame, refused=refused))

    async def send_again(self, established: Established) -> None:
        """What the host lacks, and what it has not counter-signed."""
        if established.receipts > self._kept.count:
            self._dispute(
                f"the host has {established.receipts} receipts of this device, which has "
                f"{self._kept.count}: its files are older than the host's"
            )
        elif established.receipts > 0:
            (last,) = await self._kept.newest(1, before=established.receipts)
            if last.hash != established.receipt_hash:
                self._dispute(f"the host has another receipt {last.number} than this device")
        for kept in (await self._kept.without_verdict())[:AGAIN_MAX]:
            self._send(msgspec.msgpack.decode(kept.finished, type=Finished))

    async def countersigned(self, frame: Countersigned) -> None:
        """The host's word on an attempt. Twice is as good as once."""
        signed = SignedBytes(frame.verdict, frame.signature)
        verdict = VERDICT.read_signed(signed, self._pool, verify)
        kept = await self._kept.find(frame.job, frame.attempt)
        if verdict is None or verdict.pool != self._pool:
            self._dispute(f"the verdict on job {frame.job} is not signed by the host")
            return
        if kept is None:
            if verdict.earned:
                self._dispute(f"there is a verdict on job {frame.job}, which was not done here")
            return
        if kept.verdict is not None:
            return
        why = differs(verdict, SignedBytes(kept.receipt, kept.signature))
        if why:
            self._dispute(f"the verdict on receipt {kept.number}: {why}")
            return
        await self._settle(kept, verdict, signed)

    async def checkpointed(self, frame: Checkpoint) -> None:
        """The head of the host's chain, to be compared with those that others saw."""
        signed = SignedBytes(frame.checkpoint, frame.signature)
        body = read_checkpoint(signed, self._pool, verify)
        if body is None:
            self._dispute("a checkpoint is not signed by the host")
            return
        await self._fit(signed, body.number, otherwise="the host told two stories")
        await self._kept.keep_checkpoint(
            KeptCheckpoint(
                number=body.number,
                checkpoint=signed.body,
                signature=signed.signature,
                seen_at=self._clock(),
            )
        )
        self.checkpoint = signed.joined

    async def compare(self, joined: bytes) -> None:
        """A checkpoint that another node saw: it and ours must fit one chain."""
        theirs = split_signed(joined)
        body = read_checkpoint(theirs, self._pool, verify)
        if body is not None:
            words = "the host told another node another story"
            await self._fit(theirs, body.number, otherwise=words)

    async def look_back(self) -> None:
        """What of the host's checkpoints did not agree in an earlier run still does not."""
        kept = _signed(await self._kept.checkpoints())
        # On a thread: there is one a minute of a busy pool, for ever. Each was verified when it
        # came, so its signature is not looked at again.
        fork = await asyncio.to_thread(find_fork, kept, (), pool=self._pool, verify=_is_known)
        if fork is not None:
            self._dispute(f"the host told two stories: {fork.message}")

    # --- parts ---

    async def _signed(self, work: Work, ending: Ending, frame: Finished) -> Finished:
        """The frame with its receipt, which is the last of the chain now."""
        now = self._clock()
        body = RECEIPT.encode(self._receipt(work, ending, now))
        signed = SignedBytes(body, self._key.sign(body))
        frame = msgspec.structs.replace(frame, receipt=body, signature=signed.signature)
        await self._kept.add(
            KeptReceipt(
                number=self._kept.count,
                job=work.offer.job,
                attempt=work.offer.attempt,
                model=work.model.name,
                finished=msgspec.msgpack.encode(frame),
                receipt=body,
                signature=signed.signature,
                hash=signed.hash,
                finished_at=now,
            )
        )
        return frame

    def _receipt(self, work: Work, ending: Ending, now: Microseconds) -> Receipt:
        offer, model = work.offer, work.model
        first = work.first_token_at or now
        return Receipt(
            pool=self._pool,
            device=self._key.device,
            number=self._kept.count,
            previous=self._kept.head,
            job=offer.job,
            attempt=offer.attempt,
            payer=offer.domain,
            circle=offer.circle,
            is_sealed=work.is_sealed,
            sha256=offer.sha256,
            quantisation=model.quantisation,
            context=model.context,
            runtime=self._runtime,
            first=offer.first,
            end=work.end,
            tokens_in=work.prompt,
            tokens_cached=min(work.cached, work.prompt),
            tokens_out=work.answered,
            tokens_reasoning=min(work.reasoning, work.answered),
            prices=offer.prices,
            ending=work.signed_ending(ending),
            prompt_commitment=work.prompt_commitment(),
            answer_commitment=work.answer_commitment(),
            began_at=work.began_at,
            ended_at=Microseconds(max(now, work.began_at)),
            first_token_ms=max(0, first - work.began_at) // 1000,
            total_ms=max(0, now - work.began_at) // 1000,
        )

    async def _fit(self, seen: SignedBytes, number: int, *, otherwise: str) -> None:
        """Compare a checkpoint with its neighbours; `otherwise` says what is in dispute then.

        The others were compared when they came, so that what one costs does not grow with them.
        """
        beside = _signed(await self._kept.checkpoints_beside(number))
        if fork := find_fork(beside, [seen], pool=self._pool, verify=verify):
            self._dispute(f"{otherwise}: {fork.message}")

    async def _settle(self, kept: KeptReceipt, verdict: Verdict, signed: SignedBytes) -> None:
        now = self._clock()
        # The books first: they know a settlement that comes twice, and a crash in between leaves
        # a receipt that is sent again.
        await self._book(kept, verdict.earned, now)
        await self._kept.settle(
            kept.number,
            verdict=signed.body,
            signature=signed.signature,
            earned=verdict.earned,
            at=now,
        )
        self._settled(verdict.earned)

    def _dispute(self, words: str) -> None:
        if words not in self.disputes:
            self.disputes.append(words)
            log.warning(
                "the host's account differs from ours", extra={"disputes": len(self.disputes)}
            )


def _signed(kept: list[KeptCheckpoint]) -> list[SignedBytes]:
    return [SignedBytes(each.checkpoint, each.signature) for each in kept]


def _is_known(_: str, __: bytes, ___: bytes, /) -> bool:
    """For what was verified before it was kept."""
    return True
