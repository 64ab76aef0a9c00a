"""Engines: all engine children of this node, loaded when asked for and ended when in the way.

Loads go one at a time, in the order they were asked for, since each is planned from the memory
that is then really free. Whether others must go for it, says core/state/room; what is due by time,
core/state/due. The answer of each method by the engine's life:

    ensure_ready   unloaded   starts a load and waits
                   loading    waits for the same load, however many wait
                   ready      at once
                   unloading  waits for its end, then starts a load
                   failed     before retry_at Busy, with the time; later starts a load and waits
                   any but ready, when the server stops: Busy
    unload         unloaded   False
                   loading    gives the load up
                   ready      lets the answers under way finish, then ends the child
                   unloading  waits for its end
                   failed     forgets the failure, False

Tasks born here: `load X` and `keep-alive`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, assert_never, final

from app.core.base.errors import AthanorError, Busy, EngineFailed, GpuGone, Paused
from app.core.base.ids import ModelName
from app.core.models.wishes import Wishes
from app.core.state.due import due, next_due
from app.core.state.engine_life import Failed, Loading, Ready, Unloaded, Unloading
from app.core.state.room import Evict, Footprint, LoadNow, Room, Wait, make_room
from app.server.engine_child.engine_process import EngineProcess
from app.server.engine_child.exit_words import Ending
from app.server.hardware.engine_program import EngineProgram
from app.server.node.bell import Bell
from app.server.node.engine import Engine, EngineLimits, House, OnWait
from app.server.node.hub import Hub
from app.server.node.loader import Loader

log = logging.getLogger(__name__)

STOPPING: Final = "the server is stopping"
STOPPING_RETRY_SECONDS: Final = 5


@final
class Engines:
    """All engines of this node, while `running`.

    Used by one event loop. `wishes` are the settings'.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        program: EngineProgram,
        loader: Loader,
        wishes: Wishes,
        limits: EngineLimits,
        now: Callable[[], float],
    ) -> None:
        self._group = asyncio.TaskGroup()
        self._bell = Bell()
        self._house = House(
            hub=hub,
            program=program,
            limits=limits,
            now=now,
            group=self._group,
            bell=self._bell,
            gpu_fell=loader.gpu_fell,
            gpu_doubted=loader.doubt,
        )
        self._hub = hub
        self._loader = loader
        self._limits = limits
        self._now = now
        self._engines: dict[ModelName, Engine] = {}
        self._turn = asyncio.Lock()
        self._is_stopping = False
        loader.gpu_back = self.gpu_back
        self._without_gpu: set[ModelName] = set()
        """Engines that had served, and wait for their GPU to come back."""
        self.wishes = wishes
        """The settings'."""
        self.wishes_of: Callable[[ModelName], Wishes] = lambda _: self.wishes
        """Those for one model, where nobody asks otherwise; set by whoever keeps them."""
        self.keep_alive_of: Callable[[ModelName], float] = lambda _: limits.keep_alive
        """Seconds that one model stays without use; set by the same."""
        self.paused: Callable[[], Paused | None] = lambda: None
        """Why no request may load a model now; set by the neighbour."""
        self.ordered: Callable[[ModelName], None] = lambda _: None
        """Called when the owner loads a model by hand; set by the neighbour."""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Engines are loaded and ended inside this block, and all have ended after it."""
        async with self._group:
            keeper = self._group.create_task(self._keep_alive(), name="keep-alive")
            try:
                yield
            finally:
                await self.stop()
                keeper.cancel()

    # --- what others ask ---

    def engine(self, name: ModelName) -> Engine:
        """The handle on the model's engine, which need not be loaded."""
        if name not in self._engines:
            self._engines[name] = Engine(self._house, name)
        return self._engines[name]

    def residents(self) -> list[dict[str, int]]:
        """Bytes that each of our engines takes, by the name of a device."""
        return [engine.needs for engine in self._engines.values() if engine.process is not None]

    async def ensure_ready(
        self, name: ModelName, on_wait: OnWait | None = None, *, is_order: bool = False
    ) -> EngineProcess:
        """A child that serves the model; see the table above. The caller holds a lease.

        `is_order`: the owner wants it loaded, also while memory is given to other programs.

        Raises: Busy; Paused; what a failed load raises (loader.py).
        """
        engine = self.engine(name)
        if on_wait is not None:
            engine.listeners.append(on_wait)
        try:
            while True:
                match engine.life:
                    case Ready():
                        assert engine.process is not None
                        return engine.process
                    case _ if self._is_stopping:
                        raise Busy(STOPPING, retry_after_seconds=STOPPING_RETRY_SECONDS)
                    case Loading():
                        await self._await_load(engine)
                    case Unloading():
                        await self._bell.wait()
                    case Failed() as failed if failed.retry_at > self._now():
                        raise engine.not_yet(failed)
                    case Unloaded() | Failed():
                        if not is_order and (paused := self.paused()) is not None:
                            raise paused
                        self._begin_load(engine)
        finally:
            if on_wait is not None:
                engine.listeners.remove(on_wait)

    async def load(self, name: ModelName, wishes: Wishes | None) -> None:
        """The engine serves by these wishes, replaced if it served by others.

        None takes an engine that serves as it is, else the settings' wishes. An earlier failure is
        forgotten. The caller holds a lease. Raises: as `ensure_ready`.
        """
        engine = self.engine(name)
        self.ordered(name)
        if wishes is not None and wishes != (engine.wishes or self.wishes_of(name)):
            await self.unload(name)
            engine.wishes = wishes
        if isinstance(engine.life, Failed):
            engine.forget()
            engine.wishes = wishes
        await self.ensure_ready(name, is_order=True)

    async def unload(self, name: ModelName) -> bool:
        """No engine of the model any more; True when there was one. See the table above."""
        engine = self.engine(name)
        match engine.life:
            case Unloaded():
                return False
            case Failed():
                engine.forget()
                return False
            case Loading():
                await self._give_up(engine)
            case Ready() | Unloading():
                await self._end(engine)
        return True

    def holding(self, among: Callable[[Engine], bool]) -> list[Engine]:
        """The engines that hold memory, or are about to, and of which `among` holds."""
        return [
            engine
            for engine in self._engines.values()
            if (engine.process is not None or isinstance(engine.life, Loading)) and among(engine)
        ]

    async def free(self, engines: Iterable[Engine], refusal: AthanorError) -> None:
        """Those engines are gone, at once; who used or awaited them is told `refusal`."""
        async with asyncio.TaskGroup() as group:
            for engine in engines:
                group.create_task(self._free(engine, refusal), name=f"free {engine.name}")

    def renew_on_gpu(self) -> None:
        """Engines on GPUs are started again: what lay there may have gone in the sleep."""
        for engine in self._engines.values():
            if isinstance(engine.life, Ready) and engine.is_on_gpu:
                engine.renew()

    def gpu_back(self) -> None:
        """Engines that served when their GPU went away are started again."""
        names, self._without_gpu = self._without_gpu, set()
        for name in names:
            engine = self.engine(name)
            if isinstance(engine.life, Failed) and not self._is_stopping:
                self._begin_load(engine)

    def start_nothing_more(self) -> None:
        """Loads under way are given up, and those who wait for them are told: we are stopping."""
        self._is_stopping = True
        for engine in self._engines.values():
            if engine.loading is not None:
                engine.loading.cancel()
        self._bell.ring()

    async def stop(self) -> None:
        """Every child is gone; requests still in flight fail. Nothing is started any more."""
        self.start_nothing_more()
        for engine in self._engines.values():
            if isinstance(engine.life, Ready):
                engine.drain()
        children = [engine.process for engine in self._engines.values() if engine.process]
        for child in children:
            if child.requests:
                child.kill(Ending(reason=f"was ended: {STOPPING}"))
            else:
                child.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.stop):
                for child in children:
                    await child.ended.wait()
        for child in children:
            child.kill()
            await child.ended.wait()

    # --- loading ---

    def _begin_load(self, engine: Engine) -> None:
        engine.refusal = None
        engine.start(engine.rung)
        engine.loading = self._group.create_task(self._load(engine), name=f"load {engine.name}")

    async def _await_load(self, engine: Engine) -> None:
        load = engine.loading
        assert load is not None
        # Not a plain await: a waiter that leaves must not cancel the load of the others.
        await asyncio.wait({load})
        if load.cancelled():
            raise self._given_up(engine)
        if (error := load.result()) is not None:
            raise error

    async def _load(self, engine: Engine) -> AthanorError | None:
        """Loads in turn; None, or why the engine does not serve. The state says the same.

        Cancelled by `_give_up` and when the server stops.
        """
        try:
            async with self._turn:
                await self._make_room(engine)
                loaded = await self._loader.load(
                    engine.name,
                    engine.wishes or self.wishes_of(engine.name),
                    rung_least=engine.rung,
                    spawn=engine.spawn,
                    on_rung=engine.start,
                )
                engine.serve(loaded, keep_alive=self.keep_alive_of(engine.name))
        except _NobodyWaitsError:
            engine.forget()
            return self._given_up(engine)
        except AthanorError as error:
            log.warning("not loaded: %s", error.message, extra={"model": engine.name})
            engine.wishes = None
            if isinstance(error, GpuGone):
                self._without_gpu.add(engine.name)
            if isinstance(error, EngineFailed):
                engine.fall(Ending(reason=error.message, remedy=error.remedy))
            else:
                engine.refuse(error)
            return error
        return None

    async def _give_up(self, engine: Engine) -> None:
        """The load under way ends without an engine; those who wait for it get Busy."""
        load = engine.loading
        assert load is not None
        load.cancel()
        await asyncio.wait({load})
        if isinstance(engine.life, Ready):
            # It had just come to its end.
            await (engine.end_now(engine.refusal) if engine.refusal else self._end(engine))
            return
        # Not in the load itself: a task that is cancelled before its first step cleans up nothing.
        await engine.end_child()
        if engine.loading is load and isinstance(engine.life, Loading):
            engine.forget()

    async def _free(self, engine: Engine, refusal: AthanorError) -> None:
        if isinstance(engine.life, Loading):
            engine.refusal = refusal
            await self._give_up(engine)
        elif engine.process is not None:
            await engine.end_now(refusal)

    async def _make_room(self, engine: Engine) -> None:
        """Returns when the model may be loaded. Raises: as Loader.wish; _NobodyWaitsError."""
        began = self._now()
        while True:
            waited = self._now() - began
            room = await self._room(engine, force=waited >= self._limits.patience)
            match room:
                case LoadNow():
                    return
                case Evict(names=names):
                    for name in names:
                        log.info("making room", extra={"model": name, "wanted": engine.name})
                        await self._end(self.engine(name))
                case Wait():
                    if not engine.leases:
                        raise _NobodyWaitsError
                    await self._bell.wait(max(0.0, self._limits.patience - waited))
                case _:
                    assert_never(room)

    async def _room(self, engine: Engine, *, force: bool) -> Room:
        others = [other for other in self._engines.values() if other.process is not None]
        wish = await self._loader.wish(
            engine.name,
            engine.wishes or self.wishes_of(engine.name),
            [other.needs for other in others],
        )
        # The look at the devices took a while; who is still there?
        others = [other for other in others if other.process is not None]
        taken = sum((other.footprint for other in others), Footprint())
        return make_room(
            wish.footprint,
            [other.as_resident() for other in others],
            free=wish.free - taken,
            loaded_max=self._limits.loaded_max,
            force=force,
        )

    async def _end(self, engine: Engine) -> None:
        """A ready engine ends, and an unloading one has ended."""
        if isinstance(engine.life, Ready):
            engine.drain()
        while isinstance(engine.life, Unloading):
            await self._bell.wait()

    # --- time ---

    async def _keep_alive(self) -> None:
        """Does what is due, whenever something changed or the time has come."""
        while not self._is_stopping:
            for item in due(self._hub.state, self._now()):
                engine = self.engine(item.model)
                if item.action == "unload":
                    log.info("unloading, unused", extra={"model": engine.name})
                    engine.drain()
                elif self.paused() is not None:
                    # It would take the memory that was just given away; the next request may.
                    engine.forget()
                else:
                    self._begin_load(engine)
            soonest = next_due(self._hub.state)
            await self._bell.wait(None if soonest is None else max(0.0, soonest - self._now()))

    def _given_up(self, engine: Engine) -> AthanorError:
        if self._is_stopping:
            return Busy(STOPPING, retry_after_seconds=STOPPING_RETRY_SECONDS)
        if engine.refusal is not None:
            return engine.refusal
        return Busy(f"the load of {engine.name} was given up", retry_after_seconds=1)


class _NobodyWaitsError(Exception):
    """All who wanted the model have left, and there is no room for it yet."""
