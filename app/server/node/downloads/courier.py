"""Courier: one download child, asked questions or told to fetch, for as long as a block lasts.

What the child says of its calls is recorded on the way. A child that falls silent, or falls, is an
error of the world; leaving the block kills it, which loses nothing.
"""

import asyncio
import logging
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, TypeVar, final

import msgspec

from app.core.base.errors import AthanorError
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.tether import BEFORE_EXEC, CREATION_FLAGS, NEW_SESSION, Tether
from app.server.node.downloads.refusals import error_of
from app.wire.download import (
    Answer,
    Asked,
    Called,
    Failed,
    Fetch,
    Fetched,
    FromDownload,
    Moved,
    SetRate,
    Verifying,
)
from app.wire.framing import FrameReader, FrameTooLarge, encode_frame

log = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 18
ANSWER_SECONDS_MAX: Final = 120.0
"""huggingface_hub waits and tries again where the hub asks for patience."""
STDERR_BYTES_KEPT: Final = 2000

News = Moved | Verifying | Fetched | Failed

A = TypeVar("A", bound=msgspec.Struct)


class CourierFell(AthanorError):
    """The child ended without saying how its task went."""

    kind = "internal"


@asynccontextmanager
async def courier(program: EngineProgram, outbound: Outbound) -> AsyncGenerator["Courier", None]:
    """A child that lives as long as the block. Raises: CourierFell when it cannot be started."""
    try:
        child = await create_subprocess_exec(
            *program.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=program.environment,
            cwd=program.folder,
            start_new_session=NEW_SESSION,
            creationflags=CREATION_FLAGS,
            preexec_fn=BEFORE_EXEC,  # one system call, no lock: tether.py
        )
    except OSError as error:
        raise CourierFell(f"the download process could not be started: {error}") from None
    tether = Tether(child)
    made = Courier(child, outbound)
    try:
        async with asyncio.TaskGroup() as group:
            errors = group.create_task(made.read_errors(), name=f"download {child.pid} stderr")
            try:
                yield made
            finally:
                tether.kill()
                errors.cancel()
    except BaseExceptionGroup as errors_of_group:
        # The block's own error, and not the group around it.
        raise errors_of_group.exceptions[0] from None
    finally:
        await asyncio.shield(child.wait())
        tether.close()


@final
class Courier:
    """The other end of the child's pipes. Used by one task."""

    def __init__(self, child: Process, outbound: Outbound) -> None:
        self._child = child
        self._outbound = outbound
        self._frames: FrameReader[FromDownload] = FrameReader(FromDownload)
        self._said: deque[FromDownload] = deque()
        self._errors = b""

    async def ask(self, question: Asked, answer: type[A]) -> A:
        """The answer, of the kind that belongs to the question.

        Raises: what a Failed names (refusals.py); CourierFell; HubUnreachable after too long.
        """
        self._send(question)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                async for message in self._messages():
                    if isinstance(message, answer):
                        return message
                    if isinstance(message, Answer):
                        assert isinstance(message, Failed), "answers come in order"
                        raise error_of(message)
        except TimeoutError:
            late = Failed(kind="unreachable", message="the hub did not answer in time")
            raise error_of(late) from None
        raise await self._fell()

    async def fetch(self, order: Fetch) -> AsyncGenerator[News, None]:
        """Progress, then the end: Fetched or Failed. Raises: CourierFell."""
        self._send(order)
        async for message in self._messages():
            if isinstance(message, News):
                yield message
                if isinstance(message, Fetched | Failed):
                    return
        raise await self._fell()

    def set_rate(self, bytes_per_second: int) -> None:
        """A new cap, at once."""
        self._send(SetRate(bytes_per_second=bytes_per_second))

    def _send(self, message: Asked | Fetch | SetRate) -> None:
        assert self._child.stdin is not None
        if not self._child.stdin.is_closing():
            self._child.stdin.write(encode_frame(message))

    async def _messages(self) -> AsyncGenerator[FromDownload, None]:
        """What the child says, its calls apart; ends when it does."""
        assert self._child.stdout is not None
        while True:
            while self._said:
                yield self._said.popleft()
            data = await self._child.stdout.read(READ_BYTES)
            if not data:
                return
            try:
                messages = list(self._frames.feed(data))
            except (FrameTooLarge, msgspec.DecodeError) as error:
                raise CourierFell(
                    f"the download process spoke another protocol ({type(error).__name__})"
                ) from None
            for message in messages:
                if isinstance(message, Called):
                    self._record(message)
                else:
                    self._said.append(message)

    def _record(self, call: Called) -> None:
        self._outbound.record(
            (self._child.pid, call.number),
            host=call.host,
            purpose=call.purpose,
            method=call.method,
            status=call.status,
            received_bytes=call.received_bytes,
        )

    async def read_errors(self) -> None:
        """Keeps the end of what the child writes to stderr."""
        assert self._child.stderr is not None
        while data := await self._child.stderr.read(STDERR_BYTES_KEPT):
            self._errors = (self._errors + data)[-STDERR_BYTES_KEPT:]

    async def _fell(self) -> CourierFell:
        code = await self._child.wait()
        last = self._errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        log.error("a download process fell", extra={"status": code, "last": last})
        return CourierFell(
            f"the download process ended unexpectedly (status {code})",
            remedy="Try again; the server's log has its last words.",
        )
