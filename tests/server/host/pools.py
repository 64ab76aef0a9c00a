"""A pool for tests: a real host, accounts with keys, and workers over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.wire.pool import Offer
from tests.support.node import put_toy
from tests.support.pool_host import RunningHost, offer, running_host
from tests.support.pool_worker import Before, Compute, Worker, offered
from tests.support.worker_engine import engine_compute


@dataclass
class Pool:
    """A host with one model on its list, one caller who has a key, and one member account."""

    host: RunningHost
    folder: Path
    model: Path
    sha256: str
    secret: str
    member: str
    """Name of the account whose machines serve."""

    def worker(self, name: str, compute: Compute, **more: object) -> Worker:
        """A machine of the member's account, not yet connected."""
        before: Before | None = more.pop("before", None)  # type: ignore[assignment]
        slots = int(more.pop("slots", 4))  # type: ignore[call-overload]
        worker = Worker(
            self.folder / "workers",
            name,
            self.host.invite(self.member, uses=1),
            (offered(self.sha256, slots=slots),),
            compute,
        )
        if before is not None:
            worker.before = before
        return worker

    def api(self, secret: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client of the API with the caller's key."""
        return httpx.AsyncClient(
            base_url=self.host.base_url,
            headers={"Authorization": f"Bearer {secret or self.secret}", **headers},
            timeout=60,
            trust_env=False,
        )

    def available(self, account: str = "caller") -> tuple[int, int]:
        """What the account has, and what of it is held."""
        with self.host.client() as client:
            found = client.pool_account(account).account
            return found.balance, found.held


@contextmanager
def pool(folder: Path, *flags: str, model: Path | None = None) -> Iterator[Pool]:
    """A pool that offers a toy, or another model."""
    home = folder / "host"
    model = model or put_toy(folder / "models", "echo")
    sha256 = offer(home, "echo", model)
    with running_host(home, "--pool-log-level", "debug", *flags) as host:
        host.account("caller")
        host.account("member", credits=0)
        yield Pool(host, folder, model, sha256, host.key("caller"), "member")


@asynccontextmanager
async def workers(pool: Pool, *names: str, **more: object) -> AsyncGenerator[list[Worker], None]:
    """Connected workers with an engine of their own each."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            compute = await stack.enter_async_context(engine_compute(pool.model))
            worker = pool.worker(name, compute, **more)
            found.append(await stack.enter_async_context(worker.running()))
        yield found


def chat(text: str, **more: object) -> dict[str, object]:
    """The body of a chat request."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **more}


class Gate:
    """Holds a worker before a token until a test lets it go on."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, _: Offer, first: int) -> None:
        if first == self.at:
            self.reached.set()
            await self.opened.wait()
