"""EngineProcess: one engine child from its start to its end.

`run` is the whole life: it starts the child, moves frames both ways and returns how it ended. All
other methods may be called while it runs; they answer by the child's state:

                 starting            serving              draining           ended
    ready()      waits               the facts            the facts          LoadFailed, or facts
    stream/ask   EngineGone          events, answers      EngineGone         EngineGone
    drain()      kills               asks it to finish    nothing            nothing
    kill()       kills               kills                kills              nothing

A child's end reaches every request in flight as EngineGone, after what it had already said.
A child is hung when it owes an answer, or the end of its load, and says nothing for its limit.
"""

import asyncio
import logging
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final, assert_never, final

import msgspec

from app.core.base.errors import AthanorError, Busy, EngineFailed
from app.core.base.ids import RequestId
from app.server.engine_child.exit_words import Ending, read_ending
from app.server.engine_child.mailbox import Answer, Mailbox
from app.server.engine_child.outbox import Outbox
from app.server.engine_child.refusals import error_of
from app.server.engine_child.watchdog import Watchdog
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.tether import BEFORE_EXEC, CREATION_FLAGS, NEW_SESSION, Tether
from app.wire.engine import (
    ApplyTemplate,
    Begun,
    Completed,
    Delta,
    Detokenize,
    Drain,
    Embed,
    Embedded,
    Ended,
    Failed,
    FromEngine,
    Gauges,
    Generate,
    Loading,
    Measure,
    Measured,
    Progress,
    Ready,
    Refused,
    Start,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.framing import FrameReader, FrameTooLarge
from app.wire.model import ModelFacts

log = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 18
STDERR_LINES_KEPT: Final = 50
STDERR_LINE_BYTES_MAX: Final = 4096

StreamEvent = Begun | Progress | Delta | Ended | Completed
Question = Embed | Tokenize | Detokenize | ApplyTemplate | Measure
QuestionAnswer = Embedded | Tokens | Text | Measured
News = Loading | Gauges


class EngineGone(EngineFailed):
    """The child ended, or takes no more. The request may be sent to another one."""


class LoadFailed(Exception):
    """The child ended before it served. `is_refusal`: it said why; otherwise it crashed or hung."""

    def __init__(self, ending: Ending, *, is_refusal: bool) -> None:
        super().__init__(ending.reason)
        self.ending = ending
        self.is_refusal = is_refusal


@final
class ChildLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a child may cost: seconds of silence while it owes something, and unread answers."""

    loading_seconds: float = 300.0
    """A slow disk under a large model: one tensor of a gigabyte takes a minute at worst."""
    working_seconds: float = 300.0
    """One step of a large model on a slow CPU takes a minute at worst."""
    exit_seconds: float = 5.0
    """From the child's exit to the end of its pipes, or from the end of its stdout to its exit."""
    unread_max: int = 8192
    """Events that wait for one client: over a minute of the fastest single stream there is, and a
    few MB at most. Who is further behind will not catch up."""


@final
class EngineProcess:
    """One child. Used by one event loop; `on_news` is called on it for every Loading and Gauges."""

    def __init__(
        self,
        program: EngineProgram,
        start: Start,
        *,
        on_news: Callable[[News], None],
        limits: ChildLimits,
    ) -> None:
        self._program = program
        self._on_news = on_news
        self._limits = limits
        self._name = start.source.name
        self._outbox = Outbox()
        self._outbox.put(start)
        self._mailboxes: dict[RequestId, Mailbox] = {}
        self._working: set[RequestId] = set()
        """Requests that the engine's loop owes an event, so that silence means it hangs."""
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES_KEPT)
        self._tether: Tether | None = None
        self._ready: asyncio.Future[Ready | LoadFailed] = asyncio.Future()
        self._is_killed = False
        """Also before it was started."""
        self._refusal: AthanorError | None = None
        self._ending: Ending | None = None
        """Set by whoever ends the child, and otherwise when it has ended."""
        self._watchdog = Watchdog(self._patience, self._hangs)
        self.pid = 0
        self.is_draining = False
        self.ended = asyncio.Event()
        """Set when the child is gone and all its requests are told."""

    @property
    def ending(self) -> Ending | None:
        """How it ended; None while it lives."""
        return self._ending if self.ended.is_set() else None

    @property
    def requests(self) -> int:
        """Requests in flight."""
        return len(self._mailboxes)

    # --- life ---

    async def run(self) -> Ending:
        """Starts the child and returns when it has ended and let go of everything.

        Cancelling kills it.
        """
        try:
            child = await create_subprocess_exec(
                *self._program.command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=READ_BYTES,
                env=self._program.environment,
                cwd=self._program.folder,
                start_new_session=NEW_SESSION,
                creationflags=CREATION_FLAGS,
                preexec_fn=BEFORE_EXEC,  # one system call, no lock: tether.py
            )
        except OSError as error:
            return self._end(Ending(reason=f"could not be started: {error}"))
        self.pid = child.pid
        self._tether = Tether(child)
        if self._is_killed:
            self._tether.kill()
        self._watchdog.expect()
        ending = Ending(reason="was stopped")
        try:
            ending = self._judge(await self._serve(child))
        finally:
            self.kill()
            await asyncio.shield(child.wait())
            self._tether.close()
            ending = self._end(self._ending or ending)
        return ending

    async def ready(self) -> ModelFacts:
        """What the engine says of the model once it serves. Raises: LoadFailed."""
        outcome = await asyncio.shield(self._ready)
        if isinstance(outcome, LoadFailed):
            raise outcome
        return outcome.facts

    def drain(self) -> None:
        """Ask the child to take no more, finish and exit."""
        if not self._ready.done():
            self.kill(Ending(reason="was not wanted any more", is_ordered=True))
        elif not self.is_draining and not self.ended.is_set():
            self.is_draining = True
            self._outbox.put(Drain())

    def kill(self, ending: Ending | None = None, refusal: AthanorError | None = None) -> None:
        """End the child now; `ending` is what its requests are told.

        With a `refusal` they are told that instead, and are not sent to another child.
        """
        self._is_killed = True
        self._refusal = self._refusal or refusal
        if self._ending is None:
            self._ending = ending
        if self._tether is not None:
            self._tether.kill()

    # --- requests ---

    async def stream(self, generate: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one generation; closing it early sends Cancel, without waiting.

        Raises: EngineGone; Busy when the reader is too slow; what a `Refused` names.
        """
        mailbox = self._open(generate)
        is_over = False
        try:
            while not is_over:
                answer = await mailbox.take()
                match answer:
                    case Refused():
                        is_over = True
                        raise error_of(answer)
                    case Begun() | Progress() | Delta() | Ended():
                        yield answer
                    case Completed():
                        is_over = True
                        yield answer
                    case _:
                        raise EngineFailed(f"{type(answer).__name__} is no part of a stream")
        finally:
            self._close(generate.request, is_over=is_over)

    async def ask(self, question: Question) -> QuestionAnswer:
        """The answer to one question. Raises: as `stream`."""
        mailbox = self._open(question)
        is_over = False
        try:
            answer = await mailbox.take()
            is_over = True
            match answer:
                case Refused():
                    raise error_of(answer)
                case Embedded() | Tokens() | Text() | Measured():
                    return answer
                case _:
                    raise EngineFailed(f"{type(answer).__name__} is no answer to a question")
        finally:
            self._close(question.request, is_over=is_over)

    def cancel(self, request: RequestId) -> None:
        """End a request that is open, without waiting; harmless for any other."""
        if (mailbox := self._mailboxes.get(request)) is not None:
            mailbox.fail(EngineFailed("the request was cancelled"))
            self._close(request, is_over=False)

    def _open(self, message: Generate | Question) -> Mailbox:
        if self.ended.is_set() or self.is_draining or not self._ready.done():
            raise self._gone()
        request = message.request
        assert request not in self._mailboxes, "request ids are unique"
        mailbox = self._mailboxes[request] = Mailbox(self._limits.unread_max)
        self._outbox.put(message, request)
        if isinstance(message, Generate | Embed):
            self._working.add(request)
            if len(self._working) == 1:
                self._watchdog.expect()
        return mailbox

    def _close(self, request: RequestId, *, is_over: bool) -> None:
        self._working.discard(request)
        if (
            self._mailboxes.pop(request, None) is not None
            and not is_over
            and not self.ended.is_set()
        ):
            self._outbox.cancel(request)

    # --- pipes ---

    async def _serve(self, child: Process) -> int:
        """Move frames until the child has ended; its exit status."""
        assert child.stdin and child.stdout and child.stderr
        name = f"engine {self._name}"
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._outbox.send_to(child.stdin), name=f"{name} writer")
            errors = group.create_task(self._read_stderr(child.stderr), name=f"{name} stderr")
            reader = group.create_task(self._read(child.stdout), name=f"{name} reader")
            ended = group.create_task(child.wait(), name=f"{name} exit")
            await asyncio.wait({reader, ended}, return_when=asyncio.FIRST_COMPLETED)
            # What the child said before it ended is still in the pipes; what it started may hold
            # them open for ever; and a child that closed its stdout may live on.
            await asyncio.wait({reader, errors, ended}, timeout=self._limits.exit_seconds)
            self.kill()
            for task in (reader, writer, errors):
                task.cancel()
        return ended.result()

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        frames: FrameReader[FromEngine] = FrameReader(FromEngine)
        try:
            while data := await pipe.read(READ_BYTES):
                for message in frames.feed(data):
                    self._take(message)
        except (FrameTooLarge, msgspec.DecodeError) as error:
            self.kill(Ending(reason=f"spoke another protocol ({type(error).__name__})"))

    async def _read_stderr(self, pipe: asyncio.StreamReader) -> None:
        rest = b""
        while data := await pipe.read(READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-STDERR_LINE_BYTES_MAX:]
            for line in lines:
                text = line[-STDERR_LINE_BYTES_MAX:].decode("utf-8", "replace").rstrip()
                self._stderr.append(text)
                log.debug("engine said: %s", text, extra={"model": self._name})
        if rest:
            self._stderr.append(rest.decode("utf-8", "replace"))

    def _take(self, message: FromEngine) -> None:
        # Questions and refusals are answered beside the loop, also when it hangs.
        if not isinstance(message, Tokens | Text | Measured | Refused):
            self._watchdog.heard()
        match message:
            case Loading() | Gauges():
                self._on_news(message)
            case Ready():
                self._watchdog.close()
                if not self._ready.done():
                    self._ready.set_result(message)
            case Failed():
                ending = Ending(reason=message.message, remedy=message.remedy)
                self._ending = self._ending or ending
                if not self._ready.done():
                    self._ready.set_result(LoadFailed(ending, is_refusal=True))
            case (
                Begun() | Progress() | Delta() | Ended() | Completed() | Refused() | Embedded()
            ) | (Tokens() | Text() | Measured()):
                self._deliver(message)
            case _:
                assert_never(message)

    def _deliver(self, answer: Answer) -> None:
        mailbox = self._mailboxes.get(answer.request)
        # Unknown: the client left, and this was under way.
        if mailbox is None or mailbox.put(answer):
            return
        mailbox.fail(Busy("the answer was not read in time", retry_after_seconds=1))
        self._close(answer.request, is_over=False)

    # --- the end ---

    def _patience(self) -> float | None:
        if not self._ready.done():
            return self._limits.loading_seconds
        return self._limits.working_seconds if self._working else None

    def _hangs(self, seconds: float) -> None:
        doing = "answering" if self._ready.done() else "loading"
        log.error("engine hung", extra={"model": self._name, "while": doing})
        reason = f"hung while {doing}: no sign of life for {seconds:g} s"
        self.kill(Ending(reason=reason, remedy="Look at the log; update the graphics driver."))

    def _judge(self, status: int) -> Ending:
        if self.is_draining and status == 0:
            return Ending(reason="was unloaded")
        if self._ending is not None and self._ending.is_ordered:
            return self._ending
        ending = read_ending(status, self._stderr)
        fields = {"model": self._name, "status": status}
        log.error("engine ended: %s", ending.reason, extra=fields)
        log.warning("its last words: %s", " | ".join(self._stderr), extra=fields)
        return ending

    def _gone(self) -> AthanorError:
        if self._refusal is not None:
            return self._refusal
        ending = self._ending or Ending(reason="takes no more requests")
        return EngineGone(f"the engine of {self._name} {ending.reason}", remedy=ending.remedy)

    def _end(self, ending: Ending) -> Ending:
        self._ending = ending
        self.ended.set()
        self._watchdog.close()
        if not self._ready.done():
            self._ready.set_result(LoadFailed(ending, is_refusal=False))
        for mailbox in self._mailboxes.values():
            mailbox.fail(self._gone())
        self._mailboxes.clear()
        self._working.clear()
        return ending
