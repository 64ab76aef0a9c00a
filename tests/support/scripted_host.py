"""A host of a pool that a test holds in its hand: real sockets, real sessions, no decisions.

It greets and proves keys as a host does, keeps every frame that a node sends, and says what the
test tells it to say. It can cut the socket, fall silent, deny, and forget every session.
"""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from app.core.base.ids import DeviceId, SessionId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.pool.checkpoint import CHECKPOINT, CheckpointBody
from app.core.pool.happenings import CloseSocket, HostHappening, Proved, Received, Write
from app.core.pool.host_greeting import HostGreeting
from app.core.pool.host_session import HostSession, Terms
from app.core.pool.host_sessions import HostSessions
from app.core.pool.invite import Invite, write_invite
from app.core.pool.proofs import sealing_card
from app.core.pool.receipt import RECEIPT, VERDICT, Verdict
from app.core.pool.signed import hash_of
from app.server.hardware.surroundings.sleep import sleepless_seconds
from app.server.identity.keys import PoolKey, verify
from app.wire.message import Message
from app.wire.opening import Denied
from app.wire.pool import Checkpoint, Countersigned, Finished

LIMIT_SECONDS = 30.0
F = TypeVar("F", bound=Message)
T = TypeVar("T")


class ScriptedHost:
    """One host. `frames` are all that came, in order; `expect` takes them one after another."""

    def __init__(self, folder: Path, terms: Terms | None = None) -> None:
        self.key = PoolKey.ensure(folder / "host.key")
        self.terms = terms or Terms(
            pool_name="Club",
            account="ada",
            fee_percent=10,
            heartbeat_seconds=5.0,
            grace_seconds=20.0,
        )
        self.sessions = HostSessions()
        self.frames: list[Message] = []
        self.greeted: list[Proved] = []
        self.denial: tuple[str, float] | None = None
        """The next devices are told this, and when to come back."""
        self.is_silent = False
        """Nothing is read or written: the socket stays open."""
        self.ended = asyncio.Event()
        self.sockets = 0
        self.listens_at = "127.0.0.1"
        self.port = 0
        self._unread: list[Message] = []
        self._news = asyncio.Condition()
        self._connection: ServerConnection | None = None
        self._session: HostSession | None = None
        self._verdicts = 0
        self._head = b""
        self._checkpoints = 0
        self._checkpoint = b""

    @property
    def address(self) -> str:
        return f"ws://{self.listens_at}:{self.port}"

    def invite(self, *, seconds: int = 3600) -> str:
        expires = (int(time.time()) + seconds) * SECOND
        return write_invite(
            Invite(
                pool=self.key.pool,
                secret=secrets.token_hex(16),
                kind="account",
                uses=1,
                expires_at=Microseconds(expires),
                address=self.address,
                name="Ada",
            ),
            self.key,
        )

    def sealing_cards(self) -> dict[str, bytes]:
        """The card of each device that came."""
        return {
            proved.device: sealing_card(proved.sealing_key, proved.sealing_signature)
            for proved in self.greeted
        }

    # --- what the test says ---

    async def send(self, frame: Message) -> None:
        """To the node; later, if no socket is there."""
        assert self._session is not None, "no node has come yet"
        data = self._session.send(frame, sleepless_seconds())
        if data and self._connection is not None and not self.is_silent:
            with contextlib.suppress(ConnectionClosed):
                await self._connection.send(data)

    async def expect(self, kind: type[F], fits: Callable[[F], bool] = lambda _: True) -> F:
        """The next frame of a kind that fits; those before it are passed over."""

        def find() -> F | None:
            for index, frame in enumerate(self._unread):
                if isinstance(frame, kind) and fits(frame):
                    del self._unread[: index + 1]
                    return frame
            return None

        async with asyncio.timeout(LIMIT_SECONDS), self._news:
            while (found := find()) is None:
                await self._news.wait()
            return found

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until something came that makes it so."""
        async with asyncio.timeout(LIMIT_SECONDS), self._news:
            await self._news.wait_for(holds)

    def has_greeted(self, count: int) -> bool:
        """So many devices have proved their keys, each time that one came."""
        return len(self.greeted) >= count

    def cut(self) -> None:
        """The network is gone in mid-word: no closing handshake."""
        assert self._connection is not None
        self._connection.transport.abort()

    def forget(self) -> None:
        """As after a restart: no session is known any more."""
        self.sessions = HostSessions()

    async def countersign(
        self, finished: Finished, *, earned: int, change: Callable[[Verdict], Verdict] | None = None
    ) -> Countersigned:
        """A verdict on a receipt, the next of the host's chain, sent to the node."""
        receipt = RECEIPT.read(finished.receipt)
        assert receipt is not None
        verdict = Verdict(
            pool=self.key.pool,
            number=self._verdicts,
            previous=self._head,
            job=finished.job,
            attempt=finished.attempt,
            device=receipt.device,
            receipt=finished.receipt,
            receipt_signature=finished.signature,
            prompt=receipt.tokens_in,
            cached=receipt.tokens_cached,
            answer=receipt.tokens_out,
            again=0,
            charged=Micros(earned),
            earned=Micros(earned),
            from_fund=Micros(0),
            ending="completed",
            reason="",
            at=Microseconds(1),
        )
        verdict = change(verdict) if change else verdict
        body = VERDICT.encode(verdict)
        self._verdicts += 1
        self._head = hash_of(body)
        frame = Countersigned(
            job=finished.job, attempt=finished.attempt, verdict=body, signature=self.key.sign(body)
        )
        await self.send(frame)
        return frame

    async def checkpoint(self, *, head: bytes | None = None, number: int | None = None) -> bytes:
        """The head of the chain, signed and sent."""
        body = CHECKPOINT.encode(
            CheckpointBody(
                pool=self.key.pool,
                number=self._checkpoints if number is None else number,
                previous=hash_of(self._checkpoint) if self._checkpoint else b"",
                count=self._verdicts,
                head=self._head if head is None else head,
                at=Microseconds(1),
            )
        )
        self._checkpoints += 1
        self._checkpoint = body
        await self.send(Checkpoint(checkpoint=body, signature=self.key.sign(body)))
        return body

    # --- the socket ---

    async def serve(self, connection: ServerConnection) -> None:
        self.sockets += 1
        self._connection = connection
        greeting = HostGreeting(
            signer=self.key,
            verify=verify,
            nonce=secrets.token_bytes(32),
            at=Microseconds(1),
            now=sleepless_seconds(),
        )
        session: HostSession | None = None
        with contextlib.suppress(ConnectionClosed):
            async for data in connection:
                assert isinstance(data, bytes)
                if self.is_silent:
                    await self.ended.wait()
                    return
                if session is None:
                    session = await self._greet(greeting, connection, data)
                else:
                    await self._take(session, connection, data)
        if session is not None:
            session.socket_lost(sleepless_seconds())
        async with self._news:
            self._news.notify_all()

    async def _greet(
        self, greeting: HostGreeting, connection: ServerConnection, data: bytes
    ) -> HostSession | None:
        for happening in greeting.receive(data):
            match happening:
                case Write(data):
                    await connection.send(data)
                case Proved():
                    self.greeted.append(happening)
                    return await self._admit(greeting, connection, happening)
                case _:
                    await connection.close()
        return None

    async def _admit(
        self, greeting: HostGreeting, connection: ServerConnection, proved: Proved
    ) -> HostSession | None:
        if self.denial is not None:
            message, wait = self.denial
            remedy = "Ask the host."
            denied = greeting.deny("paused", message, remedy=remedy, retry_after_seconds=wait)
            for happening in denied:
                if isinstance(happening, Write):
                    await connection.send(happening.data)
            return None
        fresh = SessionId(secrets.token_hex(8))
        made = self.sessions.establish(
            proved, terms=self.terms, fresh=fresh, now=sleepless_seconds()
        )
        assert not isinstance(made, Denied)
        greeting.admitted()
        for write in made.writes:
            await connection.send(write)
        self._session = made.session
        async with self._news:
            self._news.notify_all()
        return made.session

    async def _take(self, session: HostSession, connection: ServerConnection, data: bytes) -> None:
        now = sleepless_seconds()
        happenings: list[HostHappening] = session.receive(data, now)
        # A test has seconds, and an ack need not wait for company.
        happenings += session.due(now + 2.0)
        self.sessions.hear(session, happenings)
        for happening in happenings:
            match happening:
                case Write(data):
                    await connection.send(data)
                case Received(frame):
                    async with self._news:
                        self.frames.append(frame)
                        self._unread.append(frame)
                        self._news.notify_all()
                case CloseSocket():
                    await connection.close()
                case _:
                    pass


@asynccontextmanager
async def scripted_host(
    folder: Path, terms: Terms | None = None, *, listens_at: str = "127.0.0.1"
) -> AsyncIterator[ScriptedHost]:
    """A host on a free port of this machine."""
    host = ScriptedHost(folder, terms)
    async with serve(host.serve, listens_at, 0, compression=None, max_size=None) as server:
        host.listens_at, host.port = next(iter(server.sockets)).getsockname()
        try:
            yield host
        finally:
            host.ended.set()


def device_of(host: ScriptedHost) -> DeviceId:
    """The last device that proved its key."""
    return host.greeted[-1].device


class HostThread:
    """A scripted host on a loop of its own, for tests that call a node as its users do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="scripted host", daemon=True)
        self.host: ScriptedHost

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(LIMIT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LIMIT_SECONDS)

    def do(self, work: Coroutine[None, None, T]) -> T:
        """Its result, when it is done on the host's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_SECONDS)

    def begin(self, work: Coroutine[None, None, T]) -> Future[T]:
        """The same, without waiting."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with scripted_host(self._folder) as self.host:
            self._ready.set()
            await self._over.wait()
