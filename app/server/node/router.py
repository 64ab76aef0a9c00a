"""Router: from a model's name to an engine that answers.

    async with router.lease(name, request=request_id) as link:
        async for event in link.stream(generate):
            ...

A lease admits one request of a client, has the model loaded (just in time, once for all who wait)
and keeps it loaded until the lease is closed. `models` and `find` answer at once, whatever engines
do. Nothing here looks into a message: content passes through untouched and unlogged.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, final

from app.core.base.errors import Busy, ModelNotFound, RequestError
from app.core.base.ids import ModelName, RequestId
from app.core.models.names import reading_order
from app.core.models.wishes import Wishes
from app.core.state.default_model import default_model, why_none
from app.core.state.events import ServerStopping
from app.core.state.node_state import ModelState, Outcome
from app.observe.meters import Meters
from app.server.engine_child.engine_process import StreamEvent
from app.server.node.engine import OnWait
from app.server.node.engines import STOPPING, STOPPING_RETRY_SECONDS, Engines
from app.server.node.hub import Hub
from app.server.node.link import EngineLink
from app.server.node.recent import Recent
from app.server.node.request_count import RequestCount
from app.server.node.shelf import Shelf
from app.server.storage.model_wishes import ModelWishes

__all__ = ["EngineLink", "OnWait", "Router", "StreamEvent"]

log = logging.getLogger(__name__)

DEFAULT_NAMES: Final = ("", "default")
_RETRY_SECONDS_MAX: Final = 30
_SMOOTHING: Final = 0.2
"""Weight of the last request in the mean length of requests."""


@final
class Router:
    """The node's models and the way to their engines. Used by one event loop.

    `default` is the owner's choice for requests that name no model, "" for the one that is loaded.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        engines: Engines,
        meters: Meters,
        shelf: Shelf,
        default: str,
        requests_max: int,
        now: Callable[[], float],
        recent: Recent | None = None,
    ) -> None:
        self._recent = recent or Recent()
        self._hub = hub
        self._engines = engines
        self._meters = meters
        self._shelf = shelf
        self._default = default
        self._requests_max = requests_max
        self._now = now
        self._leases = 0
        self._mean_seconds = 1.0
        self._is_stopping = False
        self._grace: asyncio.Timeout | None = None
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    @property
    def wishes(self) -> Wishes:
        """How models are loaded unless somebody asks otherwise: the settings'."""
        return self._engines.wishes

    def heed(self, kept: ModelWishes) -> None:
        """Load each model as its owner wishes for it, where a request says nothing else."""
        engines, usual = self._engines, self._engines.keep_alive_of

        def keep_alive_of(name: ModelName) -> float:
            wished = kept.of(name).keep_alive
            return usual(name) if wished is None else float(wished)

        engines.wishes_of = lambda name: kept.of(name).over(engines.wishes)
        engines.keep_alive_of = keep_alive_of

    def models(self) -> list[ModelState]:
        """Every model of the library, by name, with its engine's life. Immediate."""
        self._shelf.look()
        return sorted(
            (model for model in self._hub.state.models.values() if model.is_listed),
            key=lambda model: reading_order(model.name),
        )

    def find(self, name: str) -> ModelName:
        """The canonical name for any spelling of it; "" and "default" mean the default model.

        Raises: ModelNotFound, with the nearest names.
        """
        return self._default_model() if name in DEFAULT_NAMES else self._shelf.find(name)

    async def seek(self, name: str) -> None:
        """Look at the folders for a model that nobody knows, so that `find` may find it."""
        wanted = self._default if name in DEFAULT_NAMES else name
        if wanted:
            await self._shelf.seek(wanted)

    @asynccontextmanager
    async def lease(
        self,
        name: str,
        *,
        request: RequestId | None = None,
        keep_alive: float | None = None,
        on_wait: OnWait | None = None,
        is_guest: bool = False,
    ) -> AsyncGenerator[EngineLink, None]:
        """Admits a request and yields a link to the model's engine, loaded if it was not.

        `request` names the request in the node's state; without it a new id is made. `keep_alive`
        (seconds; below 0 for ever) replaces the model's own from now on.
        `is_guest`: it came through the pool and is not the owner's.

        Raises: ModelNotFound; Busy when the node has `requests_max` in flight, is stopping, or
        waits out a failure of this engine; ModelDoesNotFit; ModelFileInvalid; EngineFailed.
        """
        await self.seek(name)
        model = self.find(name)
        self._admit()
        count = RequestCount(
            request or RequestId(secrets.token_hex(8)),
            model,
            hub=self._hub,
            meters=self._meters,
            recent=self._recent,
            now=self._now,
            is_guest=is_guest,
        )
        engine = self._engines.engine(model)
        link = EngineLink(self._engines, model, count, on_wait)
        outcome: Outcome
        self._leases += 1
        self._at_rest.clear()
        engine.hold(keep_alive)
        try:
            await link.connect()
            count.ready()
            yield link
            outcome = "completed"
        except BaseException as error:
            outcome = _outcome_of(error)
            raise
        finally:
            link.close()
            engine.release()
            self._leases -= 1
            if not self._leases:
                self._at_rest.set()
            self._mean_seconds += _SMOOTHING * (count.seconds - self._mean_seconds)
            line = count.end(outcome)
            log.info("request ended", extra=line)

    async def load(
        self, name: str, wishes: Wishes | None = None, *, keep_alive: float | None = None
    ) -> ModelName:
        """The model's canonical name, once it serves.

        With `wishes` (see `Router.wishes` for the settings') an engine that was loaded by others
        is replaced after its answers. Raises: as `lease`; RequestError for a wish that cannot be.
        """
        await self.seek(name)
        model = self.find(name)
        engine = self._engines.engine(model)
        engine.hold(keep_alive)
        try:
            await self._engines.load(model, wishes)
        finally:
            engine.release()
        return model

    async def unload(self, name: str) -> bool:
        """Ends the model's engine after the answers under way; True when there was one.

        Raises: ModelNotFound.
        """
        await self.seek(name)
        return await self._engines.unload(self.find(name))

    async def end(self, model: ModelName) -> bool:
        """As `unload`, of a model that may not be offered any more, by its canonical name."""
        return await self._engines.unload(model)

    async def stop(self, grace_seconds: float) -> None:
        """Admits no more, waits for the requests in flight, and then ends every engine.

        Requests that are not over after `grace_seconds` fail with EngineFailed.
        """
        if not self._is_stopping:
            self._is_stopping = True
            self._hub.publish(ServerStopping())
            self._engines.start_nothing_more()
        self._grace = asyncio.timeout(grace_seconds)
        try:
            async with self._grace:
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("ending answers under way", extra={"requests": self._leases})
        await self._engines.stop()

    def hurry(self) -> None:
        """The grace of a stop under way is over now."""
        if self._grace and not self._grace.expired() and not self._at_rest.is_set():
            self._grace.reschedule(asyncio.get_running_loop().time())

    def _admit(self) -> None:
        if self._is_stopping:
            raise Busy(STOPPING, retry_after_seconds=STOPPING_RETRY_SECONDS)
        if self._leases >= self._requests_max:
            # Places become free at about this rhythm.
            seconds = math.ceil(self._mean_seconds / self._requests_max)
            raise Busy(
                f"the node has {self._requests_max} requests in flight, its most",
                retry_after_seconds=min(max(1, seconds), _RETRY_SECONDS_MAX),
                remedy="Raise server.requests_max if the machine has room.",
            )

    def _default_model(self) -> ModelName:
        """The owner's choice, else what `default_model` finds."""
        if self._default:
            return self._shelf.find(self._default)
        names = tuple(model.name for model in self.models())
        found = default_model(self._hub.state.models.values())
        if found is None:
            raise ModelNotFound("default", names[:3], reason=why_none(names))
        return found


def _outcome_of(error: BaseException) -> Outcome:
    """How a lease ended whose block raised; the first error of a group speaks for it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "refused" if isinstance(error, RequestError | Busy) else "failed"
