"""The working half of a node: an engine that is a function, real receipts, every kind of lie."""

from collections.abc import Callable
from dataclasses import dataclass

from app.core.base.ids import AccountId, DeviceId, JobId, PoolId
from app.core.base.units import Microseconds
from app.core.pool.receipt import RECEIPT, Ending, Receipt
from app.core.pool.signed import SignedBytes
from app.server.identity.keys import DeviceKey
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Ended,
    Generate,
    Progress,
    Refused,
    Said,
    Timings,
    Usage,
)
from app.wire.message import Message
from app.wire.pool import (
    Accepted,
    CancelJob,
    Checkpoint,
    Chunk,
    Countersigned,
    Finished,
    Offer,
    Rejected,
)
from tests.sim import words
from tests.sim.clock import Clock
from tests.sim.liars import Character, twisted
from tests.sim.node_chain import Key, NodeChain, NodeDisk

SLOTS = 2


@dataclass
class Task:
    """One attempt under way on the node."""

    offer: Offer
    life: int
    place: int
    """Number of the next token."""
    spoken: int = 0
    is_over: bool = False
    stall_at: int | None = None

    @property
    def key(self) -> Key:
        return self.offer.job, self.offer.attempt


class Worker:
    """What a node computes, and what it says of that."""

    def __init__(
        self,
        clock: Clock,
        number: int,
        *,
        account: AccountId,
        pool: PoolId,
        character: Character,
    ) -> None:
        self.clock, self.number, self.account, self.pool = clock, number, account, pool
        self.character: Character = character
        self.key = DeviceKey((1000 + number).to_bytes(32, "big"))
        self.device: DeviceId = self.key.device
        self.disk = NodeDisk()
        self.chain = NodeChain(self.disk, pool)
        self.life = 0
        self.is_lending = True
        self.speed_ms = clock.random.choice([10, 40, 150, 400])
        self.tasks: dict[Key, Task] = {}
        self.spied: list[Key] = []

    def send(self, frame: Message) -> None:
        """To the host, if there is a session: the other half knows."""
        raise AssertionError(f"{type(frame).__name__} without a link")

    def later(self, ms: tuple[float, float], call: Callable[[], None]) -> None:
        """After a while, unless the node died meanwhile."""
        life = self.life
        self.clock.after(self.clock.between(*ms), lambda: call() if life == self.life else None)

    def heard(self, frame: Message) -> None:
        match frame:
            case Offer():
                self._offered(frame)
            case CancelJob():
                task = self.tasks.get((frame.job, frame.attempt))
                if task is not None:
                    self.later((1, 200), lambda: self.finish(task, "cancelled"))
            case Countersigned():
                self.chain.countersigned(frame)
            case Checkpoint():
                self.chain.checkpointed(frame)
            case _:
                pass

    def _offered(self, offer: Offer) -> None:
        if not self.is_lending or len(self.tasks) >= SLOTS + 1:
            code = "not_lending" if not self.is_lending else "no_slot"
            self.send(Rejected(job=offer.job, attempt=offer.attempt, code=code))
            return
        if self.clock.happens(0.02):
            return  # it keeps silent, as one does whose process hangs
        task = Task(offer=offer, life=self.life, place=offer.first)
        if self.character == "stalls":
            task.stall_at = offer.first + self.clock.random.randint(0, 20)
        self.tasks[task.key] = task
        if self.character == "early":
            self._speak(task)
        is_cold = self.clock.happens(0.1)
        self.send(Accepted(job=offer.job, attempt=offer.attempt, is_cold=is_cold))
        self.later((2000, 5000) if is_cold else (5, 300), lambda: self._begin(task))

    def _begin(self, task: Task) -> None:
        body = task.offer.body
        assert isinstance(body, Generate)
        _, _, mark = words.read(body)
        if mark == "bad" or self.character == "refuses":
            self._refuse(task, "template_error", "refused")
        elif mark == "poison" or (self.character == "fails" and self.clock.happens(0.5)):
            self._refuse(task, "engine_failed", "failed")
        else:
            self.send(
                Chunk(
                    job=task.offer.job,
                    attempt=task.offer.attempt,
                    first=task.place,
                    tokens=[],
                    events=[
                        Begun(request=body.request, prompt_tokens=1),
                        Progress(request=body.request, total=1, cached=0, processed=1, ms=0),
                    ],
                )
            )
            self._speak(task)

    def _refuse(self, task: Task, kind: str, reason: str) -> None:
        if task.is_over:
            return
        task.is_over = True
        self.tasks.pop(task.key, None)
        refused = Refused(request=task.offer.body.request, kind=kind, message="not like this")
        self.send(
            Finished(job=task.offer.job, attempt=task.offer.attempt, reason=reason, refused=refused)
        )

    def _speak(self, task: Task) -> None:
        """The next few tokens, and the end where it is there."""
        if task.is_over or task.life != self.life:
            return
        body = task.offer.body
        assert isinstance(body, Generate)
        key, length, _ = words.read(body)
        until = length if body.max_tokens is None else min(length, body.max_tokens)
        if self.character == "talks_on":
            until += 5
        if task.stall_at is not None and task.place >= task.stall_at:
            return
        chunk = _next_chunk(task, body, key, until, self.clock.random.randint(1, 4))
        is_end = task.place + len(chunk.tokens) >= until
        for one in twisted(self.character, chunk, self.clock.random):
            self.send(one)
            task.place += len(one.tokens)
            task.spoken += len(one.tokens)
        self._claim_for_others()
        if is_end:
            self.finish(task, "completed")
        else:
            mean = self.speed_ms
            self.later((mean / 2, mean * 2), lambda: self._speak(task))

    def _claim_for_others(self) -> None:
        """A worker that knows of others' jobs speaks for them."""
        if self.character != "claims" or not self.spied:
            return
        job, attempt = self.clock.random.choice(self.spied)
        place = self.clock.random.randint(0, 5)
        self.send(Accepted(job=job, attempt=attempt))
        self.send(Chunk(job=job, attempt=attempt, first=place, tokens=[7], events=[]))
        task = Task(offer=_offer_like(job, attempt), life=self.life, place=9, spoken=9)
        body, signature = self.sign_receipt(task, "completed")
        self.send(
            Finished(
                job=job, attempt=attempt, reason="completed", receipt=body, signature=signature
            )
        )

    def finish(self, task: Task, reason: str, *, is_silent: bool = False) -> None:
        """The attempt is over on the node: its receipt is signed, kept, and sent."""
        if task.is_over or task.life != self.life:
            return
        task.is_over = True
        self.tasks.pop(task.key, None)
        body = signature = b""
        if task.spoken:
            body, signature = self.sign_receipt(task, reason)
        completed = None
        if reason == "completed":
            usage = Usage(prompt=1, cached=0, completion=task.spoken)
            timings = Timings(queue_ms=0, prompt_ms=1, decode_ms=1)
            completed = Completed(request=task.offer.body.request, usage=usage, timings=timings)
        finished = Finished(
            job=task.offer.job,
            attempt=task.offer.attempt,
            reason=reason,
            completed=completed,
            receipt=body,
            signature=signature,
        )
        if body:
            self.disk.outbox[task.key] = finished
        if not is_silent:
            self.send(finished)

    # --- receipts --------------------------------------------------------------------------------

    def sign_receipt(self, task: Task, reason: str) -> SignedBytes:
        """A receipt for what was computed, or what a liar puts in its place."""
        if self.character == "replays" and self.disk.receipts:
            return self.clock.random.choice(self.disk.receipts)
        if self.character == "forks" and self.disk.receipts and self.clock.happens(0.5):
            self.disk.receipts.pop()
        offer = task.offer
        out = task.spoken * 3 if self.character == "inflates" else task.spoken
        ending: dict[str, Ending] = {"completed": "completed", "preempted": "preempted"}
        receipt = Receipt(
            pool=self.pool,
            device=self.device,
            number=len(self.disk.receipts),
            previous=self.disk.receipts[-1].hash if self.disk.receipts else b"",
            job=offer.job,
            attempt=offer.attempt,
            payer=str(offer.domain),
            circle=offer.circle,
            is_sealed=False,
            sha256=offer.sha256,
            quantisation="Q8_0",
            context=100_000,
            runtime="sim",
            first=offer.first,
            end=offer.first + out,
            tokens_in=words.prompt_tokens(words.read(offer.body)[0]) if offer.sha256 else 999,
            tokens_cached=0,
            tokens_out=out,
            tokens_reasoning=0,
            prices=offer.prices,
            ending=ending.get(reason, "failed"),
            prompt_commitment=b"",
            answer_commitment=b"",
            began_at=Microseconds(0),
            ended_at=Microseconds(self.clock.now),
            first_token_ms=1,
            total_ms=1,
        )
        body = RECEIPT.encode(receipt)
        signed = SignedBytes(body, self.key.sign(body))
        if self.character == "forges":
            return SignedBytes(body, bytes(64))
        if self.character != "claims" or offer.sha256:
            self.disk.receipts.append(signed)
        return signed


def _next_chunk(task: Task, body: Generate, key: int, until: int, most: int) -> Chunk:
    """The next few tokens as events, and the end where it is there."""
    tokens = [words.token(key, place) for place in range(task.place, min(until, task.place + most))]
    events: list[Begun | Delta | Ended] = []
    if tokens:
        said = [Said(text=words.text(tokens))]
        events.append(
            Delta(
                request=body.request,
                choice=0,
                parts=said,
                tokens=len(tokens),
                token_ids=tokens,
            )
        )
    if task.place + len(tokens) >= until:
        reason = "length" if until == body.max_tokens else "stop"
        events.append(Ended(request=body.request, choice=0, reason=reason))
    return Chunk(
        job=task.offer.job,
        attempt=task.offer.attempt,
        first=task.place,
        tokens=tokens,
        events=events,
    )


def _offer_like(job: JobId, attempt: int) -> Offer:
    """As much of an offer as a liar needs that never had it."""
    return Offer(
        job=job,
        attempt=attempt,
        sha256="",
        body=words.prompt(1, 9),
        first=0,
        prices=(0, 0, 0),
        domain="",
        circle="anyone",
        deadline_seconds=1,
    )
