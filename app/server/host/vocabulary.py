"""Vocabulary: one model's vocabulary engine, from its first question until nobody asks any more.

Its child is started when it is needed, ended when it has rested, and started again after a crash,
later and later. It is asked one thing at a time: so what makes it crash or stand still is the one
that it was at, which is refused, and those that wait get their answers from the next child.

    resting --question--> loading --ready--> asked <--> waiting --rest--> resting
                 ^                             |crash, or no answer in time
                 +-----------------------------+
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import Busy, EngineFailed
from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.core.state.backoff import Backoff
from app.server.engine_child.engine_process import (
    ChildLimits,
    EngineGone,
    EngineProcess,
    LoadFailed,
    Question,
    QuestionAnswer,
)
from app.server.engine_child.exit_words import Ending
from app.server.hardware.engine_program import EngineProgram
from app.wire.engine import Measure, Measured, Start
from app.wire.model import ModelSource

log = logging.getLogger(__name__)

_PLAN: Final = LoadPlan(context=1, cells=1, gpu_layers=0, threads=1, threads_batch=1)
"""Nothing is computed, so nothing of it is used; and no GPU is touched."""


@final
class CountingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What counting may cost. Seconds and bytes."""

    engines_max: int = 8
    """Children at once, past which one that rests is ended for another; each takes from 50 to 250
    MB, by the size of the vocabulary."""
    lanes_max: int = 2
    """Children for one model, where many wait to be counted; about 50 attempts a second each."""
    lane_questions: int = 16
    """Waiting for one child, past which there is work for another."""
    loading_seconds: float = 60.0
    """Some 3 s are common."""
    measure_seconds: float = 20.0
    """Some 50 ms are common; the first answer in a form takes up to 8 s."""
    idle_seconds: float = 900.0
    waiting_max: int = 512
    """Questions that wait for one model, past which another is refused."""
    patience_seconds: float = 5.0
    """How long a question waits for a child that may not be started again yet."""
    memory_bytes: int = 1024**3
    """Of one child's own memory: twice what the largest vocabulary known takes with a form."""
    backoff: Backoff = Backoff()


@final
class Vocabulary:
    """One model's. Used by one event loop; `group` holds its child's task."""

    def __init__(
        self,
        sha256: str,
        path: Path,
        *,
        program: EngineProgram,
        group: asyncio.TaskGroup,
        limits: CountingLimits,
        make_room: Callable[[], None],
    ) -> None:
        """`make_room` is called before a child is started; it may raise EngineFailed."""
        self._sha256 = sha256
        self._path = path
        self._program = program
        self._group = group
        self._limits = limits
        self._make_room = make_room
        self._backoff = limits.backoff
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._ids = itertools.count()
        self._process: EngineProcess | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.asking = 0
        """Questions that wait or are asked."""
        self.used_at = 0.0
        """When the last one ended, by the loop's clock."""

    @property
    def is_running(self) -> bool:
        """Whether there is a child."""
        return self._process is not None and not self._process.ended.is_set()

    @property
    def pid(self) -> int:
        """Of the child; 0 where none runs."""
        return self._process.pid if self._process is not None and self.is_running else 0

    async def measure(self, measure: Measure) -> Measured:
        """The attempt, measured.

        Raises: as `ask`.
        """
        answer = await self.ask(measure)
        if not isinstance(answer, Measured):
            raise EngineFailed(f"{type(answer).__name__} is no count")
        return answer

    async def ask(self, question: Question) -> QuestionAnswer:
        """The one answer to a question that needs no weights.

        Raises: Busy when too many wait; EngineFailed when it is not answered in time, or twice not
        at all; what a refusal names when the request itself cannot be served.
        """
        if self.asking >= self._limits.waiting_max:
            raise Busy("too many attempts wait to be counted", retry_after_seconds=1)
        self.asking += 1
        self._forget_timer()
        try:
            async with self._turn:
                try:
                    return await self._ask(question)
                except EngineGone:
                    return await self._ask(question)
        finally:
            self.asking -= 1
            self._rest_later()

    def end(self) -> None:
        """End the child, if there is one, when it has answered; a new question starts another."""
        self._forget_timer()
        process, self._process = self._process, None
        if process is None:
            return
        if self.asking:
            process.drain()
        else:
            process.kill(Ending(reason="was not needed any more", is_ordered=True))

    async def _ask(self, asked: Question) -> QuestionAnswer:
        process = await self._ensure_ready()
        seconds = self._limits.measure_seconds
        # Two attempts at one request may be counted at once; to the child each has its own name.
        question = replace(asked, request=RequestId(f"{next(self._ids)}"))
        try:
            async with asyncio.timeout(seconds):
                answer = await process.ask(question)
        except TimeoutError:
            ending = Ending(reason=f"did not count within {seconds:g} s", is_ordered=True)
            process.kill(ending)
            self._fail(process, ending)
            raise EngineFailed(f"the vocabulary {ending.reason}") from None
        except EngineGone:
            self._fail(process, process.ending)
            raise
        return replace(answer, request=asked.request)

    async def _ensure_ready(self) -> EngineProcess:
        """The child, started where there is none. Raises: EngineFailed."""
        process = self._process
        if process is None or not self.is_running:
            await self._wait_for_backoff()
            self._make_room()
            process = self._process = self._spawn()
        try:
            await process.ready()
        except LoadFailed as failure:
            self._fail(process, failure.ending)
            reason, remedy = failure.ending.reason, failure.ending.remedy
            raise EngineFailed(f"the vocabulary {reason}", remedy=remedy) from failure
        return process

    def _spawn(self) -> EngineProcess:
        name = self._sha256[:12]
        is_toy = self._path.suffix == ".toy"
        start = Start(
            source=ModelSource(
                path=str(self._path), name=name, backend="toy" if is_toy else "llama"
            ),
            plan=_PLAN,
            is_vocabulary_only=True,
            memory_bytes_max=self._limits.memory_bytes,
        )
        limits = ChildLimits(loading_seconds=self._limits.loading_seconds)
        process = EngineProcess(self._program, start, on_news=lambda _: None, limits=limits)
        self._group.create_task(self._care(process), name=f"vocabulary {name}")
        return process

    async def _care(self, process: EngineProcess) -> None:
        try:
            await process.run()
        except Exception:
            # Root of the child's tasks: a fault in its care ends this child, which `run` has
            # killed by now, and not the host.
            log.exception("fault in the care of a vocabulary", extra={"model": self._sha256})

    async def _wait_for_backoff(self) -> None:
        seconds = self._backoff.retry_at(self._sha256) - self._loop.time()
        if seconds > self._limits.patience_seconds:
            raise EngineFailed("the vocabulary failed repeatedly and is left alone for a while")
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _fail(self, process: EngineProcess, ending: Ending | None) -> None:
        """The child is of no use any more."""
        if self._process is process:
            self._process = None
        self._backoff = self._backoff.failed(self._sha256, self._loop.time())
        log.warning(
            "a vocabulary %s",
            ending.reason if ending is not None else "takes no more questions",
            extra={"model": self._sha256, "failures": self._backoff.failures(self._sha256)},
        )

    def _rest_later(self) -> None:
        self.used_at = self._loop.time()
        if not self.asking:
            self._forget_timer()
            self._timer = self._loop.call_later(self._limits.idle_seconds, self.end)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
