"""Asking a server over HTTP: one dialect for llama-server and Athanor alike."""

import asyncio
import contextlib
import time
from asyncio.subprocess import Process
from typing import Final, final

from benchmarks.client import Answer, Json, PeerFailed, complete, fetch
from benchmarks.peers.peer import Ask

READY_SECONDS_MAX: Final = 120.0
POLL_SECONDS: Final = 0.01
"""A foreign process tells nobody that it is ready; it can only be asked again."""


@final
class HttpService:
    """A running server with its model under one name."""

    def __init__(self, name: str, pid: int, port: int, model: str) -> None:
        self.name = name
        self.pid = pid
        self.port = port
        self.model = model

    async def ask(self, ask: Ask) -> Answer:
        """The whole answer, stamped."""
        return await complete(self.port, *request_of(ask, self.model))


def request_of(ask: Ask, model: str) -> tuple[str, Json]:
    """Path and body."""
    body: Json = {
        "model": model,
        "max_tokens": ask.tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": True,
    }
    if ask.system is None:
        return "/v1/completions", body | {"prompt": ask.prompt}
    messages = [
        {"role": "system", "content": ask.system},
        {"role": "user", "content": ask.prompt},
    ]
    return "/v1/chat/completions", body | {"messages": messages}


async def until_answers(process: Process, port: int, path: str) -> float:
    """Waits for a 200; the moment of `time.perf_counter` when it came.

    Raises: PeerFailed when the process ends first, or after `READY_SECONDS_MAX`.
    """
    deadline = time.perf_counter() + READY_SECONDS_MAX
    while process.returncode is None and time.perf_counter() < deadline:
        # IndexError: the port was open and closed again before a status line came
        with contextlib.suppress(OSError, PeerFailed, IndexError):
            await fetch(port, "GET", path)
            return time.perf_counter()
        await asyncio.sleep(POLL_SECONDS)
    raise PeerFailed(f"{path} did not answer, and was waited for {READY_SECONDS_MAX} s at most")


async def warm_up(service: HttpService) -> None:
    """Has the model loaded and every code path touched once."""
    await service.ask(Ask(prompt="time way", tokens=4))
    await service.ask(Ask(prompt="time way", system="year", tokens=4))
