"""Athanor over HTTP, as its clients meet it: server process, engine child and all."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, final

import msgspec

from benchmarks.client import PeerFailed, fetch
from benchmarks.peers.http import HttpService, until_answers, warm_up
from benchmarks.peers.peer import Launch, Service
from benchmarks.peers.process import child, free_port

LIST_PATH: Final = "/v1/models"


@final
class Athanor:
    """`athanor serve --model`, with a settings file of its own."""

    name = "athanor"

    @contextlib.asynccontextmanager
    async def serve(self, launch: Launch) -> AsyncIterator[Service]:
        """Server and engine; the model is loaded by the first request, as for every user."""
        with tempfile.TemporaryDirectory(prefix="athanor-bench-") as home:
            port = free_port()
            async with self.server(Path(home), port, launch.model, settings_of(launch)) as process:
                await until_answers(process, port, LIST_PATH)
                service = HttpService(self.name, process.pid, port, launch.model.stem)
                await warm_up(service)
                await _ensure_context(port, launch)
                yield service

    def server(
        self, home: Path, port: int, model: Path, settings: str = ""
    ) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """The server process, just started, its files under `home`."""
        (home / "config.toml").write_text(f"[server]\nport = {port}\n{settings}", encoding="utf-8")
        command = [sys.executable, "-m", "app", "serve", "--model", str(model)]
        return child(command, {"ATHANOR_HOME": str(home)})


async def _ensure_context(port: int, launch: Launch) -> None:
    """Raises: PeerFailed when the model was loaded with another context than both sides are to
    have."""
    (model,) = msgspec.json.decode(await fetch(port, "GET", LIST_PATH), type=_Listing).data
    if model.context_length != launch.context:
        raise PeerFailed(f"loaded with a context of {model.context_length}, not {launch.context}")


class _Model(msgspec.Struct):
    context_length: int


class _Listing(msgspec.Struct):
    data: list[_Model]


def settings_of(launch: Launch) -> str:
    """The launch in words of the settings file."""
    return f"""
[models]
keep_alive_seconds = -1

[engine]
context = {launch.context}
cells = {launch.context}
sequences = {launch.sequences}
threads = {launch.threads}
step_tokens = {launch.step_tokens}
flash_attention = "{launch.flash_attention}"
key_type = "{launch.key_type}"
value_type = "{launch.value_type}"
speculation = {str(launch.speculation).lower()}
"""
