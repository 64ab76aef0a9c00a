"""Guest: one job of another, computed by this node's own router and told to the host as it goes.

A guest waits behind the owner at every token (Priority.GUEST) and shares cached prefixes with
nobody but the same payer. However it ends, what was computed gets a receipt, which is on the disk
before the host hears of the end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError, Busy, ContextExceeded, RequestError
from app.core.base.ids import Domain, PoolId, RequestId
from app.core.base.units import Microseconds
from app.core.pool.room import check_request
from app.core.pool.sealing import SealedPiece
from app.core.scheduling.sequence import Priority
from app.server.engine_child.leasing import Link
from app.server.node.pool.house import HomeRouter
from app.server.node.pool.work import Ending, Work
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embed,
    Embedded,
    Ended,
    Generate,
    Progress,
    Refused,
)
from app.wire.message import Message
from app.wire.pool import Chunk

if TYPE_CHECKING:
    from app.server.identity.sealing import AnswerSealer

log = logging.getLogger(__name__)

Event = Begun | Progress | Delta | Ended | Completed | Embedded


class Finish(Protocol):
    """Makes the receipt, keeps it, and tells the host that the attempt is over."""

    def __call__(self, work: Work, ending: Ending, refused: Refused | None) -> Awaitable[None]:
        """Returns when it is on the disk."""
        ...


@final
class Guest:
    """One attempt at a job. Used by one event loop; `run` is its task."""

    def __init__(
        self,
        work: Work,
        *,
        pool: PoolId,
        sealer: "AnswerSealer | None",
        router: HomeRouter,
        send: Callable[[Message], bool],
        finish: Finish,
        checkpoint: Callable[[], bytes],
        clock: Callable[[], Microseconds],
    ) -> None:
        self.work = work
        self._pool = pool
        self._sealer = sealer
        self._router = router
        self._send = send
        self._finish = finish
        self._checkpoint = checkpoint
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._ending: Ending | None = None

    def stop(self, ending: Ending) -> None:
        """End it at the next token; the first order counts."""
        if self._ending is None:
            self._ending = ending
            if self._task is not None:
                self._task.cancel()

    async def run(self) -> None:
        """Computes, and tells the end whatever it is."""
        self._task = asyncio.current_task()
        ending: Ending = "failed"
        refused: Refused | None = None
        try:
            if self._ending is None:
                await self._compute()
                ending = "completed"
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if self._ending is None:
                # Not we: the whole node stops.
                self._ending = "preempted"
            task.uncancel()
        except AthanorError as error:
            refused = _refused(error, self._request)
            ending = _ending_of(error)
        # From here on an order to stop comes too late.
        self._task = None
        ending = self._ending or ending
        log.info(
            "a guest's job ended",
            extra={"job": self.work.offer.job, "reason": ending, "tokens": self.work.answered},
        )
        await self._finish(self.work, ending, refused if ending in {"failed", "refused"} else None)

    @property
    def _request(self) -> RequestId:
        return self.work.body.request

    async def _compute(self) -> None:
        offer = self.work.offer
        request = RequestId(f"guest-{offer.job}-{offer.attempt}")
        async with self._router.lease(self.work.name, request=request, is_guest=True) as link:
            if isinstance(self.work.body, Embed):
                await self._embed(link, replace(self.work.body, request=request))
            else:
                await self._generate(link, self._as_guest(self.work.body, request))

    def _as_guest(self, body: Generate, request: RequestId) -> Generate:
        """What the engine is asked: behind the owner, and in the payer's own trust domain."""
        return replace(
            body,
            request=request,
            priority=Priority.GUEST,
            domain=Domain(f"pool:{self._pool}:{self.work.offer.domain}"),
            with_tokens=True,
            progress=True,
        )

    async def _generate(self, link: Link, generate: Generate) -> None:
        assert isinstance(self.work.body, Generate)
        async for event in link.stream(generate):
            first = self.work.end
            tokens = self.work.hear(event, self._clock())
            if not isinstance(event, Progress) or self.work.body.progress or self._counts(event):
                self._tell(first, tokens, event)

    def _counts(self, event: Progress) -> bool:
        """Whether the host counts by it: the prompt is read, and so much of it was cached."""
        return self._sealer is None and event.processed >= event.total

    async def _embed(self, link: Link, embed: Embed) -> None:
        check_request(embed, vector_length=link.facts.embedding_length)
        answer = await link.ask(embed)
        assert isinstance(answer, Embedded), "Embed is answered by Embedded"
        self.work.hear(answer, self._clock())
        self._tell(0, [], answer)

    def _tell(self, first: int, tokens: list[int], event: Event) -> None:
        """To the host, sealed where the request was. The last word of a plain one is `Finished`."""
        offer = self.work.offer
        event = replace(event, request=self._request)
        if self._sealer is not None:
            is_last = isinstance(event, Completed | Embedded)
            piece = SealedPiece(
                tokens=tokens,
                events=[event],
                is_last=is_last,
                checkpoint=self._checkpoint() if is_last else b"",
            )
            chunk = Chunk(
                job=offer.job,
                attempt=offer.attempt,
                first=first,
                tokens=[],
                events=[],
                sealed=self._sealer.seal(piece),
            )
        elif isinstance(event, Completed):
            return
        else:
            chunk = Chunk(
                job=offer.job, attempt=offer.attempt, first=first, tokens=tokens, events=[event]
            )
        self._send(chunk)


def _ending_of(error: AthanorError) -> Ending:
    """Whose fault it was. Room that the owner took back is nobody's: the job goes on elsewhere."""
    if isinstance(error, RequestError):
        return "refused"
    return "preempted" if isinstance(error, Busy) else "failed"


def _refused(error: AthanorError, request: RequestId) -> Refused:
    """The error as an engine would say it. Its words are ours, never the prompt's."""
    return Refused(
        request=request,
        kind=error.kind,
        message=error.message,
        field=error.field if isinstance(error, RequestError) else None,
        remedy=error.remedy,
        prompt_tokens=error.prompt_tokens if isinstance(error, ContextExceeded) else 0,
        context=error.context if isinstance(error, ContextExceeded) else 0,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Busy) else 0,
    )
