"""llama-server as a peer, with its own defaults where a launch does not speak."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import final

from benchmarks.peers.http import HttpService, until_answers, warm_up
from benchmarks.peers.peer import Launch, Service
from benchmarks.peers.process import child, free_port


@final
class LlamaServer:
    """llama.cpp's own server."""

    name = "llama-server"

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    @contextlib.asynccontextmanager
    async def serve(self, launch: Launch) -> AsyncIterator[Service]:
        """One model in one process."""
        port = free_port()
        async with child(self.command(launch, port)) as process:
            await until_answers(process, port, "/health")
            service = HttpService(self.name, process.pid, port, launch.model.stem)
            await warm_up(service)
            yield service

    def command(self, launch: Launch, port: int) -> list[str]:
        """The command line, with one pool of cells for all slots, as Athanor has it."""
        return [
            *(str(self._binary), "--model", str(launch.model)),
            *("--host", "127.0.0.1", "--port", str(port), "--no-ui"),
            *("--ctx-size", str(launch.context), "--parallel", str(launch.sequences)),
            *("--kv-unified", "--fit", "off"),
            *("--threads", str(launch.threads), "--threads-batch", str(launch.threads)),
            *("--batch-size", str(launch.step_tokens), "--ubatch-size", str(launch.step_tokens)),
            *("--flash-attn", launch.flash_attention),
            *("--cache-type-k", launch.key_type, "--cache-type-v", launch.value_type),
            "--repack" if launch.repacks else "--no-repack",
        ]
