"""Two ends of a pool, each a process of its own, for a test that puts them on two machines.

    python -m tests.support.far host FOLDER ADDRESS     serves a pool, asks it when told to
    python -m tests.support.far worker FOLDER INVITE MODEL SHA256

They speak JSON lines: what happened on stdout, what to do on stdin.
"""

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import NoReturn

from app.wire.pool import Offer
from tests.server.host.pools import pool
from tests.server.host.test_failover import streamed
from tests.support.pool_worker import Worker, offered
from tests.support.worker_engine import engine_compute


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def host(folder: str, address: str) -> None:
    """A pool that listens on an address. Each line of stdin asks it, directly."""
    flags = ("--queue-seconds", "30", "--heartbeat-members-seconds", "1")
    with pool(Path(folder), "--pool-address", address, *flags) as club:
        say(invite=club.host.invite("member"), model=str(club.model), sha256=club.sha256)
        for _ in sys.stdin:
            text, usage = asyncio.run(streamed(club))
            say(text=text, usage=usage, held=club.available()[1])


async def worker(folder: str, invite: str, model: str, sha256: str) -> None:
    """A machine that waits for a line of stdin before each token, and says when it waits."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: [loop.call_soon_threadsafe(lines.put_nowait, line) for line in sys.stdin],
        daemon=True,
    ).start()

    async def before(_: Offer, first: int) -> None:
        say(waits_at=first)
        await lines.get()

    async with engine_compute(Path(model)) as compute:
        machine = Worker(Path(folder), "far", invite, (offered(sha256),), compute, before=before)
        async with machine.running():
            say(session=machine.established.session)
            while True:
                await machine.until(lambda: len(machine.receipts) > 0)
                await machine.until(lambda: len(machine.verdicts) == len(machine.receipts))
                say(
                    verdicts=len(machine.verdicts),
                    sessions_lost=machine.over_words,
                    lives=machine.lives_words,
                )
                count = len(machine.receipts)
                await machine.until(lambda: len(machine.receipts) > count)  # noqa: B023


def main(what: str, *arguments: str) -> NoReturn:
    if what == "host":
        host(*arguments)
    else:
        asyncio.run(worker(*arguments))
    sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
