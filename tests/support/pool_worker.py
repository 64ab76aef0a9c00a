"""A worker of a pool in the test's own process: the real link and session, keys and receipts.

What it computes comes from a real engine child (worker_engine.py), or from a script; a test can
hold it at a token, make it vanish, or have it lie.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.core.base.errors import RequestError
from app.core.base.ids import JobId
from app.core.base.units import Micros, Microseconds
from app.core.pool.invite import read_invite
from app.core.pool.node_session import NodeSession
from app.core.pool.receipt import RECEIPT, Receipt
from app.core.pool.signed import SignedBytes
from app.core.state.pool_state import LinkLife
from app.server.hardware.surroundings.sleep import sleepless_seconds
from app.server.host.asks import refused_of
from app.server.identity.keys import DeviceKey, verify
from app.server.node.pool.link import Link
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embed,
    Embedded,
    Ended,
    Generate,
    Progress,
)
from app.wire.message import Message
from app.wire.opening import Established
from app.wire.pool import (
    Accepted,
    CancelJob,
    Checkpoint,
    Chunk,
    Countersigned,
    Finished,
    GoingAway,
    Heartbeat,
    Look,
    Market,
    Offer,
    OfferedModel,
    Register,
    Standing,
)

WAIT_SECONDS = 60.0
Event = Begun | Progress | Delta | Ended | Completed | Embedded
Compute = Callable[[Generate | Embed], AsyncIterator[Event]]
Before = Callable[[Offer, int], Awaitable[None]]
"""Awaited before each chunk with tokens; the number is that of its first token."""


async def _at_once(_: Offer, __: int) -> None:
    """Nothing is waited for."""


@dataclass
class Attempt:
    """One attempt as the worker sees it."""

    offer: Offer
    tokens: list[int] = field(default_factory=list)
    completed: Completed | None = None
    task: "asyncio.Task[None] | None" = None
    is_cancelled: bool = False
    prompt: int = 0


class Worker:
    """One device in the pool; see `Ear` of the link for the calls."""

    def __init__(
        self,
        folder: Path,
        name: str,
        invite: str,
        models: tuple[OfferedModel, ...],
        compute: Compute,
        *,
        before: Before = _at_once,
        region: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key = DeviceKey.ensure(folder / f"{name}.key")
        self.name = name
        self.models = models
        self.compute = compute
        self.before = before
        self.region = region
        self.is_lending = True
        self.receipts: list[SignedBytes] = []
        self.verdicts: dict[tuple[JobId, int], Countersigned] = {}
        self.checkpoints: list[Checkpoint] = []
        self.standings: list[Standing] = []
        self.markets: list[Market] = []
        self.farewells: list[GoingAway] = []
        self.attempts: list[Attempt] = []
        self.over_words: list[str] = []
        self.lives_words: list[str] = []
        self.retry_at: float | None = None
        self.slept_seconds = 0.0
        """Added to the link's clock: so much later it is for the worker."""
        self.news = asyncio.Event()
        self.established: Established | None = None
        self._is_offering = False
        """The host has answered what was said after the registration."""
        known = read_invite(invite, verify)
        self.pool = known.pool
        session = NodeSession(
            signer=self.key,
            verify=verify,
            sealing_key=self.key.sealing_key,
            pool=known.pool,
            program="test",
            name=name,
            invite=known.secret,
        )
        self.link = Link(
            session,
            known.address,
            self,
            now=time.time,
            nonce=lambda: secrets.token_bytes(32),
            chance=lambda: random.random() * 0.01,
            clock=lambda: sleepless_seconds() + self.slept_seconds,
        )
        self._group: asyncio.TaskGroup | None = None
        self._linking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Worker", None]:
        """Connected inside the block; the host knows what it offers when it begins."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._linking = group.create_task(self.link.run(), name=f"link of {self.name}")
            try:
                await self.until(lambda: self._is_offering)
                yield self
            finally:
                self._linking.cancel()
                for attempt in self.attempts:
                    if attempt.task is not None:
                        attempt.task.cancel()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something that this worker hears or does."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds():
                self.news.clear()
                await self.news.wait()

    def vanish(self) -> None:
        """As if the power failed: nothing is said any more, and nothing heard."""
        assert self._linking is not None
        self._linking.cancel()
        for attempt in self.attempts:
            if attempt.task is not None:
                attempt.task.cancel()

    async def revive(self) -> None:
        """The power is back: the same device, which remembers its chain and its session."""
        assert self._group is not None
        self.established = None
        self._linking = self._group.create_task(self.link.run(), name=f"link of {self.name}")
        await self.until(lambda: self.established is not None)

    # --- Ear ---------------------------------------------------------------------------------

    async def opened(self, established: Established, *, is_resumed: bool, lost: str) -> None:
        self.established = established
        if lost:
            self.over_words.append(lost)
        if not is_resumed:
            self.link.send(
                Register(
                    models=self.models,
                    circle="anyone",
                    runtime="test",
                    gpu="test",
                    region=self.region,
                )
            )
            self.link.send(self.heartbeat())
            # Frames are heard in order: whoever answers this one has heard those before.
            self.link.send(Look())
        self.news.set()

    async def heard(self, frame: Message) -> None:
        match frame:
            case Offer():
                self._offered(frame)
            case CancelJob():
                self._cancelled(frame)
            case Countersigned():
                self.verdicts[frame.job, frame.attempt] = frame
            case Checkpoint():
                self.checkpoints.append(frame)
            case Standing():
                self.standings.append(frame)
            case GoingAway():
                self.farewells.append(frame)
            case Market():
                self.markets.append(frame)
                self._is_offering = True
            case _:
                pass
        self.news.set()

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(is_lending=self.is_lending)

    async def over(self, why: str) -> None:
        self.over_words.append(why)
        self.news.set()

    def lives(
        self, life: LinkLife, *, trouble: str = "", remedy: str = "", retry_at: float | None = None
    ) -> None:
        self.lives_words.append(f"{life} {trouble}".strip())
        self.retry_at = retry_at
        self.news.set()

    # --- jobs --------------------------------------------------------------------------------

    def _offered(self, offer: Offer) -> None:
        attempt = Attempt(offer)
        self.attempts.append(attempt)
        assert self._group is not None
        attempt.task = self._group.create_task(self._run(attempt), name=f"job at {self.name}")

    def _cancelled(self, frame: CancelJob) -> None:
        for attempt in self.attempts:
            if (attempt.offer.job, attempt.offer.attempt) == (frame.job, frame.attempt):
                attempt.is_cancelled = True
                if attempt.task is not None and not attempt.task.done():
                    attempt.task.cancel()
                    self.finish(attempt, "cancelled")

    async def _run(self, attempt: Attempt) -> None:
        offer = attempt.offer
        body = offer.body
        assert isinstance(body, Generate | Embed)
        self.link.send(Accepted(job=offer.job, attempt=offer.attempt))
        try:
            await self._answer(attempt, body)
        except RequestError as error:
            self.refuse(attempt, error)
        else:
            self.finish(attempt, "completed")

    async def _answer(self, attempt: Attempt, body: Generate | Embed) -> None:
        offer = attempt.offer
        async for event in self.compute(body):
            match event:
                case Completed():
                    attempt.completed = event
                    continue
                case Delta():
                    await self.before(offer, offer.first + len(attempt.tokens))
                case Begun() | Embedded():
                    attempt.prompt = event.prompt_tokens
                case _:
                    pass
            self.tell(attempt, event)

    def refuse(self, attempt: Attempt, error: RequestError) -> None:
        """The end of what its engine finds fault with, as a node tells it: without a receipt."""
        offer = attempt.offer
        refused = refused_of(error, offer.job)
        self.link.send(
            Finished(job=offer.job, attempt=offer.attempt, reason="refused", refused=refused)
        )
        self.news.set()

    def tell(self, attempt: Attempt, event: Event) -> None:
        """One event as a chunk."""
        assert not isinstance(event, Completed)
        offer = attempt.offer
        first = offer.first + len(attempt.tokens)
        tokens = list(event.token_ids) if isinstance(event, Delta) else []
        attempt.tokens += tokens
        self.link.send(
            Chunk(job=offer.job, attempt=offer.attempt, first=first, tokens=tokens, events=[event])
        )
        self.news.set()

    def finish(self, attempt: Attempt, reason: str) -> None:
        """The end, with its receipt."""
        signed = self.receipt(attempt, reason)
        self.link.send(
            Finished(
                job=attempt.offer.job,
                attempt=attempt.offer.attempt,
                reason=reason,  # type: ignore[arg-type]
                completed=attempt.completed,
                receipt=signed.body,
                signature=signed.signature,
            )
        )
        self.news.set()

    def receipt(self, attempt: Attempt, reason: str) -> SignedBytes:
        """What the attempt was, signed and next in the chain."""
        offer, usage = attempt.offer, attempt.completed
        now = Microseconds(time.time_ns() // 1000)
        body = RECEIPT.encode(
            Receipt(
                pool=self.pool,
                device=self.key.device,
                number=len(self.receipts),
                previous=self.receipts[-1].hash if self.receipts else b"",
                job=offer.job,
                attempt=offer.attempt,
                payer=offer.domain,
                circle=offer.circle,
                is_sealed=False,
                sha256=offer.sha256,
                quantisation="",
                context=0,
                runtime="test",
                first=offer.first,
                end=offer.first + len(attempt.tokens),
                tokens_in=usage.usage.prompt if usage else attempt.prompt,
                tokens_cached=usage.usage.cached if usage else 0,
                tokens_out=len(attempt.tokens),
                tokens_reasoning=0,
                prices=offer.prices,
                ending="completed" if reason == "completed" else "cancelled",
                prompt_commitment=b"",
                answer_commitment=b"",
                began_at=now,
                ended_at=now,
                first_token_ms=0,
                total_ms=0,
            )
        )
        signed = SignedBytes(body, self.key.sign(body))
        self.receipts.append(signed)
        return signed


def offered(sha256: str, *, slots: int = 4, context: int = 8192) -> OfferedModel:
    """A model as a worker offers it."""
    return OfferedModel(
        sha256=sha256,
        name="model",
        architecture="test",
        parameters=1_000_000,
        quantisation="",
        context=context,
        slots=slots,
        is_loaded=True,
        price_floor=Micros(0),
    )
