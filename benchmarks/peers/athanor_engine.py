"""Athanor's engine child alone, driven over its pipe as the server drives it.

What this is faster by than `athanor.py` is what the server process costs; and it is the way to ask
for a guest, who has no HTTP path yet, and for token ids, which equality is judged by.
"""

import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import AsyncIterator
from typing import Final, final

from app.core.base.ids import OWNER_DOMAIN, Domain, RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.wire.engine import (
    Begun,
    Cancel,
    Completed,
    Delta,
    Ended,
    Failed,
    FromEngine,
    Generate,
    Progress,
    PromptChat,
    PromptText,
    Ready,
    Reasoned,
    Refused,
    Said,
    Sampling,
    Start,
    ToEngine,
)
from app.wire.framing import FrameReader, encode_frame
from app.wire.model import ModelSource
from benchmarks.client import Answer, PeerFailed
from benchmarks.peers.http import READY_SECONDS_MAX
from benchmarks.peers.peer import Ask, Launch, Service
from benchmarks.peers.process import child

GUEST_DOMAIN: Final = Domain("guest")
GREEDY: Final = Sampling(temperature=0.0, ignore_eos=True)
_READ_BYTES: Final = 1 << 16

Event = Begun | Progress | Delta | Ended | Completed | Refused


@final
class AthanorEngine:
    """The engine child, started by the plan that the launch gives in full."""

    name = "athanor-engine"

    @contextlib.asynccontextmanager
    async def serve(self, launch: Launch) -> AsyncIterator[Service]:
        """The child with its model loaded and one answer given."""
        source = ModelSource(path=str(launch.model), name=launch.model.stem)
        async with engine(source, plan_of(launch)) as running:
            await running.ask(Ask(prompt="time way", tokens=4))
            yield running


def plan_of(launch: Launch) -> LoadPlan:
    """The launch as a plan; what it does not name keeps the plan's defaults."""
    return LoadPlan(
        context=launch.context,
        cells=launch.context,
        sequences=launch.sequences,
        slots=4 * launch.sequences,
        step_tokens=launch.step_tokens,
        micro_batch=launch.step_tokens,
        key_type=launch.key_type,
        value_type=launch.value_type,
        flash_attention=launch.flash_attention,
        threads=launch.threads,
        threads_batch=launch.threads,
        use_extra_buffers=launch.repacks,
        speculation=launch.speculation,
    )


@contextlib.asynccontextmanager
async def engine(source: ModelSource, plan: LoadPlan) -> AsyncIterator["EngineService"]:
    """A ready engine child. Raises: PeerFailed when the load fails, TimeoutError."""
    command = [sys.executable, "-m", "app", "engine"]
    async with child(command, is_piped=True) as process, asyncio.TaskGroup() as group:
        running = EngineService(process)
        pump = group.create_task(running.pump(), name="engine pump")
        try:
            running.send(Start(source=source, plan=plan))
            async with asyncio.timeout(READY_SECONDS_MAX):
                await running.ready
            yield running
        finally:
            pump.cancel()


@final
class EngineService:
    """A running engine child."""

    name = AthanorEngine.name

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._process = process
        self._streams: dict[RequestId, asyncio.Queue[Event]] = {}
        self._numbers = itertools.count()

    def send(self, message: ToEngine) -> None:
        """Queues the message for the pipe."""
        assert self._process.stdin is not None
        self._process.stdin.write(encode_frame(message))

    async def ask(self, ask: Ask) -> Answer:
        """The whole answer, stamped."""
        prompt = PromptText(text=ask.prompt) if ask.system is None else _chat(ask)
        answer = Answer(time.perf_counter())
        generate = Generate(
            request=self.new_request(),
            prompt=prompt,
            domain=GUEST_DOMAIN if ask.is_guest else OWNER_DOMAIN,
            priority=Priority.GUEST if ask.is_guest else Priority.OWNER,
            sampling=GREEDY,
            max_tokens=ask.tokens,
        )
        async for event in self.stream(generate):
            match event:
                case Delta(parts=parts):
                    text = "".join(p.text for p in parts if isinstance(p, Said | Reasoned))
                    if text:
                        answer.arrivals.append(time.perf_counter())
                        answer.text += text
                case Completed(usage=usage):
                    answer.usage.prompt_tokens = usage.prompt
                    answer.usage.completion_tokens = usage.completion
                case _:
                    pass
        answer.finished = time.perf_counter()
        if not answer.arrivals:
            raise PeerFailed("the engine answered no text")
        return answer

    def new_request(self) -> RequestId:
        """An id that was not given before."""
        return RequestId(f"bench-{next(self._numbers)}")

    async def stream(self, generate: Generate) -> AsyncIterator[Event]:
        """The events of one request; leaving early cancels it. Raises: PeerFailed if refused."""
        queue = self._streams[generate.request] = asyncio.Queue()
        is_over = False
        self.send(generate)
        try:
            while not is_over:
                event = await queue.get()
                if isinstance(event, Refused):
                    is_over = True
                    raise PeerFailed(f"the engine refused: {event.kind}: {event.message}")
                is_over = isinstance(event, Completed)
                yield event
        finally:
            del self._streams[generate.request]
            if not is_over:
                self.send(Cancel(request=generate.request))

    async def pump(self) -> None:
        """Hands on what the child says until it is cancelled. Raises: PeerFailed when it ends."""
        assert self._process.stdout is not None
        frames: FrameReader[FromEngine] = FrameReader(FromEngine)
        while data := await self._process.stdout.read(_READ_BYTES):
            for message in frames.feed(data):
                self._take(message)
        await self._process.wait()
        raise PeerFailed(f"the engine ended with {self._process.returncode}")

    def _take(self, message: FromEngine) -> None:
        match message:
            case Ready():
                self.ready.set_result(message)
            case Failed():
                raise PeerFailed(f"the load failed: {message.kind}: {message.message}")
            case Begun() | Progress() | Delta() | Ended() | Completed() | Refused():
                if message.request in self._streams:
                    self._streams[message.request].put_nowait(message)
            case _:
                pass  # loading progress and gauges are not measured here


def _chat(ask: Ask) -> PromptChat:
    return PromptChat(
        messages=[
            {"role": "system", "content": ask.system},
            {"role": "user", "content": ask.prompt},
        ]
    )
