"""Lender: what this node does for others, as the good neighbour's verdict and its owner allow.

It tells the host what is lent and whether it is lending, takes offers, and stops guests when the
owner needs the machine: at the next token, so that the pool goes on elsewhere, or after their jobs
where the owner prefers that. Nothing else here decides about lending.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from app.core.base.errors import SealBroken
from app.core.base.ids import JobId, ModelName, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.member.credits import micros_of
from app.core.pool.lending import Lending, Lent, Rejection, judge
from app.server.identity.keys import DeviceKey
from app.server.node.hub import Hub
from app.server.node.pool.guest import Finish, Guest
from app.server.node.pool.house import HomeRouter
from app.server.node.pool.offering import Offering, gpu_of, offering
from app.server.node.pool.work import Ending, Work
from app.server.node.shelf import Shelf
from app.settings.pool_schema import PoolSettings
from app.settings.schema import EngineSettings
from app.wire.message import Message
from app.wire.pool import Accepted, CancelJob, Heartbeat, Offer, Register, Rejected, Sealed

if TYPE_CHECKING:
    from app.server.identity.sealing import AnswerSealer

log = logging.getLogger(__name__)

GUESTS_MAX: Final = 256
"""On all models together, whatever their slots."""
STOP_SECONDS: Final = 5.0
"""For guests to end when the node stops: they stop at the next token and write a receipt."""


@final
class Lender:
    """The guests of one node in one pool. Used by one event loop."""

    def __init__(
        self,
        pool: PoolId,
        *,
        key: DeviceKey,
        hub: Hub,
        router: HomeRouter,
        shelf: Shelf,
        send: Callable[[Message], bool],
        finish: Finish,
        compare: Callable[[bytes], Coroutine[None, None, None]],
        checkpoint: Callable[[], bytes],
        settings: Callable[[], PoolSettings],
        engine: EngineSettings,
        earned_today: Callable[[], Micros],
        clock: Callable[[], Microseconds],
        group: asyncio.TaskGroup,
        runtime: str,
    ) -> None:
        self._pool = pool
        self._key = key
        self._hub = hub
        self._router = router
        self._shelf = shelf
        self._send = send
        self._finish = finish
        self._compare = compare
        self._checkpoint = checkpoint
        self._settings = settings
        self._engine = engine
        self._earned_today = earned_today
        self._clock = clock
        self._group = group
        self._runtime = runtime
        self._guests: dict[tuple[JobId, int], Guest] = {}
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._registered: Register | None = None
        self._beat: Heartbeat | None = None
        self._is_stopping = False
        self.offered: Offering = Offering({}, ())
        """As last looked at."""

    @property
    def guests(self) -> int:
        """Jobs of others under way."""
        return len(self._guests)

    @property
    def is_capped(self) -> bool:
        """The owner wants to earn no more today."""
        return self._lending().is_capped

    # --- what the host says ---

    def offer(self, offer: Offer) -> None:
        """Answer an offer at once; a job that is taken begins."""
        if (offer.job, offer.attempt) in self._guests:
            return  # it is under way: the same offer again
        sealer = None
        if isinstance(offer.body, Sealed) and (opened := self._open(offer, offer.body)):
            offer, sealer = opened
        verdict = judge(offer, self._lending(), can_open=sealer is not None)
        job, attempt = offer.job, offer.attempt
        if isinstance(verdict, Rejection):
            code, wait = verdict
            self._send(Rejected(job=job, attempt=attempt, code=code, retry_after_seconds=wait))
            return
        if not self._send(Accepted(job=job, attempt=attempt, is_cold=not verdict.is_loaded)):
            return
        body = offer.body
        assert not isinstance(body, Sealed), "a sealed body that cannot be opened is rejected"
        work = Work(
            offer,
            body,
            self.offered.models[offer.sha256],
            at=self._clock(),
            is_sealed=sealer is not None,
        )
        self._begin(work, sealer)

    def cancel(self, cancel: CancelJob) -> None:
        """The host wants no more of an attempt."""
        guest = self._guests.get((cancel.job, cancel.attempt))
        if guest is not None:
            guest.stop("cancelled")

    # --- what the node says ---

    def look(self) -> None:
        """Follow the verdict of now: stop guests, tell the host what has changed."""
        verdict = self._hub.state.neighbour.verdict
        if verdict.lending == "stop" and self._must_stop():
            self.stop_all("preempted")
        settings = self._settings()
        self.offered = offering(
            self._shelf.library.entries(),
            self._hub.state,
            lent=settings.lent_models,
            slots_percent=settings.lent_slots_percent,
            sequences=self._engine.sequences,
            context=self._engine.context,
            price_floor=micros_of(settings.price_floor),
        )
        for name in self.offered.unread:
            self._shelf.check(name)
        self._tell()

    def opened(self) -> None:
        """A session stands: the host knows nothing yet."""
        self._registered = self._beat = None
        self.look()

    def heartbeat(self) -> Heartbeat:
        """What the host is told now and then."""
        lending = self._lending()
        verdict = self._hub.state.neighbour.verdict
        reasons = [cause.reason.word for cause in verdict.lending_causes]
        if lending.is_capped:
            reasons.append("earnings_cap")
        is_lending = lending.action == "lend" and not lending.is_capped and not self._is_stopping
        return Heartbeat(
            is_lending=is_lending,
            reasons=() if is_lending else tuple(reasons) or ("stopping",),
            running=self.guests,
            loaded=tuple(sha for sha, model in self.offered.models.items() if model.is_loaded),
        )

    def stop_all(self, ending: Ending) -> None:
        """End every guest's job at its next token."""
        if self._guests:
            log.info("stopping guests' jobs", extra={"jobs": self.guests, "as": ending})
        for guest in list(self._guests.values()):
            guest.stop(ending)

    async def stop(self) -> None:
        """Take no more, end what runs and wait until its receipts are on the disk."""
        self._is_stopping = True
        self._tell()
        self.stop_all("preempted")
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("guests' jobs do not end", extra={"jobs": self.guests})

    def resume(self) -> None:
        """Take jobs again after a `stop`; the host is told anew what is lent."""
        self._is_stopping = False
        self.opened()

    # --- parts ---

    def _must_stop(self) -> bool:
        """Whether a verdict to stop ends jobs now, or after their last token."""
        if self._settings().when_needed == "hand_over":
            return True
        # Memory that is given back takes the engine with it; a job that waits for its end is lost.
        return self._hub.state.neighbour.verdict.memory == "free"

    def _tell(self) -> None:
        state, settings = self._hub.state, self._settings()
        gpu, memory = gpu_of(state.devices)
        register = Register(
            models=tuple(self.offered.models.values()),
            circle=settings.lend_to,
            runtime=self._runtime,
            gpu=gpu,
            gpu_memory_bytes=memory,
            region=settings.region.strip().lower(),
        )
        if register != self._registered and self._send(register):
            self._registered = register
        beat = self.heartbeat()
        shown = replace(beat, running=0)
        if shown != self._beat and self._send(beat):
            self._beat = shown

    def _lending(self) -> Lending:
        settings, state = self._settings(), self._hub.state
        action = state.neighbour.verdict.lending
        by_model: dict[str, int] = {}
        for guest in self._guests.values():
            sha = guest.work.offer.sha256
            by_model[sha] = by_model.get(sha, 0) + 1
        return Lending(
            action="stop" if self._is_stopping else action,
            models={
                sha: Lent(
                    name=ModelName(model.name),
                    is_loaded=model.is_loaded,
                    slots=model.slots,
                    guests=by_model.get(sha, 0),
                )
                for sha, model in self.offered.models.items()
            },
            guests=self.guests,
            guests_max=GUESTS_MAX,
            circle=settings.lend_to,
            price_floor=micros_of(settings.price_floor),
            earned_today=self._earned_today(),
            earnings_cap=micros_of(settings.earnings_cap_day),
            loads_models=settings.load_for_guests,
        )

    def _begin(self, work: Work, sealer: "AnswerSealer | None") -> None:
        key = (work.offer.job, work.offer.attempt)
        guest = self._guests[key] = Guest(
            work,
            pool=self._pool,
            sealer=sealer,
            router=self._router,
            send=self._send,
            finish=self._finish,
            checkpoint=self._checkpoint,
            clock=self._clock,
        )
        self._at_rest.clear()
        task = self._group.create_task(guest.run(), name=f"guest {work.offer.job}")
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: tuple[JobId, int]) -> None:
        self._guests.pop(key, None)
        if not self._guests:
            self._at_rest.set()

    def _open(self, offer: Offer, sealed: Sealed) -> "tuple[Offer, AnswerSealer] | None":
        from app.server.identity.sealing import open_sealed  # noqa: PLC0415  # costs 8 MB

        try:
            request, sealer = open_sealed(
                sealed, key=self._key, job=offer.job, attempt=offer.attempt
            )
        except SealBroken:
            return None
        key = request.commitment_key or offer.commitment_key
        if request.checkpoint:
            self._group.create_task(self._compare(request.checkpoint), name="compare checkpoints")
        return replace(offer, body=request.body, commitment_key=key), sealer
