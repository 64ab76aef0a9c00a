"""KeptAnswers: which answer a caller's idempotency key stands for, in memory alone.

However many requests say one word at once, it is one job: the first begins it, and the others read
the same tape from its first event. A word whose job came to nothing is free again at its end, and
one whose request was refused in another of its jobs at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple, final

from app.core.base.errors import RequestConflict
from app.core.base.ids import JobId
from app.core.pool.jobs.effects import End
from app.server.host.requests import Asked, Order, new_job_id
from app.server.host.tape import Tape
from app.server.host.turns import Turns
from app.server.host.usage import CAME_TO_NOTHING
from app.server.storage.idempotency import Claim, Idempotency

KEPT_SECONDS: Final = 600.0
"""So long is an answer with an idempotency key kept in memory after its end."""
KEPT_MAX: Final = 256
"""Ended answers kept so at once; the oldest go first. Those under way are as many as the host has
requests."""
UNREAD_SECONDS: Final = 30.0
"""So long may an answer with a key run without a reader, who may come back for it."""

Begin = Callable[[JobId, Tape], Awaitable[Order]]
"""Begins a job of that id, whose events go to the tape."""


@final
class Part(NamedTuple):
    """One job of a request, and the tape on which its events come."""

    order: Order
    tape: Tape


@final
class KeptAnswers:
    """The answers of all callers. Used by one event loop."""

    def __init__(
        self,
        idempotency: Idempotency,
        leave: Callable[[Order], None],
        *,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        """`leave`: nobody waits for that job any more."""
        self._idempotency, self._leave = idempotency, leave
        self._kept_seconds = kept_seconds
        self._running: dict[JobId, tuple[Part, Callable[[], None]]] = {}
        """Each with what frees its word."""
        self._ended: OrderedDict[JobId, Part] = OrderedDict()
        self._turns = Turns[tuple[str, str]]()

    async def part(self, asked: Asked, name: str, begin: Begin) -> Part:
        """The job of the caller's key, or a new one where it is new or the caller has none.

        `name` tells the jobs of one request apart. Raises: RequestConflict; what `begin` raises.
        """
        job = new_job_id()
        if not asked.idempotency_key:
            tape = Tape()
            return Part(await begin(job, tape), tape)
        scope, word = asked.caller.who, asked.idempotency_key
        forget = partial(self._idempotency.forget, scope, word, job, part=name)
        # Who says the word meanwhile waits for the tape to be there, or for the word to be free.
        async with self._turns.of((scope, f"{word} {name}")):
            try:
                claim = await self._idempotency.claim(
                    scope, word, asked.fingerprint, job, part=name
                )
                if not claim.is_new:
                    return self._known(claim)
                tape = Tape(is_kept=True)
                part = Part(await begin(job, tape), tape)
            except BaseException:
                forget()
                raise
            self._running[job] = part, forget
            tape.when_over(partial(self._over, job, forget))
            return part

    def left(self, part: Part) -> None:
        """A reader went before the end. Who has a key may come back for the rest."""
        if part.order.job not in self._running:
            self._leave(part.order)
        elif not part.tape.readers:
            loop = asyncio.get_running_loop()
            loop.call_later(UNREAD_SECONDS, self._leave_if_unread, part)

    def refused(self, part: Part) -> None:
        """Its request ended badly in another part, so nobody comes back for this one: it ends as
        without a key, unless who asked meanwhile reads it.

        Its word is free: who asks again asks for the whole answer, and not for half of this one.
        """
        running = self._running.get(part.order.job)
        if running is not None and not part.tape.readers:
            del self._running[part.order.job]
            _, forget = running
            forget()
            self._leave(part.order)

    def _known(self, claim: Claim) -> Part:
        """The answer to the request that was sent before. Raises: RequestConflict."""
        if not claim.is_same:
            raise RequestConflict(
                "this Idempotency-Key was sent with another request",
                remedy="Send a new key with a new request.",
            )
        running = self._running.get(claim.job)
        kept = self._ended.get(claim.job) if running is None else running[0]
        if kept is None:
            raise RequestConflict(
                f"this request was answered before, as job {claim.job}; its answer is not kept",
                remedy=f"GET /v1/receipts/{claim.job} shows what it cost; a new key asks anew.",
            )
        return kept

    def _over(self, job: JobId, forget: Callable[[], None], end: End) -> None:
        """The answer is over, whether anybody reads it or not; it is kept from now on."""
        running = self._running.pop(job, None)
        if _came_to_nothing(end):
            self._ended.pop(job, None)
            forget()
        elif running is not None:
            self._ended[job], _ = running
            if len(self._ended) > KEPT_MAX:
                self._ended.popitem(last=False)
            loop = asyncio.get_running_loop()
            loop.call_later(self._kept_seconds, self._ended.pop, job, None)

    def _leave_if_unread(self, part: Part) -> None:
        if not part.tape.readers and part.tape.end_of_job is None:
            self._leave(part.order)


def _came_to_nothing(end: End) -> bool:
    """Whether there was neither work nor cost, so that to ask again is not to pay twice."""
    if end.delivered_tokens:
        return False
    return end.ending in CAME_TO_NOTHING or (end.ending == "cancelled" and end.cost == 0)
