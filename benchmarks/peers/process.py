"""A server as a child process: its port, its log, its memory, and its certain end."""

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import psutil

from benchmarks.client import PeerFailed

END_SECONDS_MAX: Final = 15.0
_LOG_BYTES_SHOWN: Final = 3000


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def child(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    is_piped: bool = False,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; with it end all that it started. Its output is its log, unless `is_piped`.

    Raises: PeerFailed with the end of its log, when the body was left by an error and the process
    was already dead: its death is the likelier news.
    """
    with tempfile.NamedTemporaryFile(prefix="athanor-bench-", suffix=".log") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if is_piped else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if is_piped else log,
            stderr=log,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process
        except Exception as error:
            if process.returncode is not None:
                log.seek(0)
                tail = log.read()[-_LOG_BYTES_SHOWN:].decode(errors="replace")
                raise PeerFailed(
                    f"{command[0]} ended with {process.returncode}:\n{tail}"
                ) from error
            raise
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Asks the process to stop, then insists; its children too."""
    family = tree(process.pid)
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS_MAX)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


def tree(pid: int) -> list[psutil.Process]:
    """The process and all that descend from it; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def resident_bytes(pid: int) -> int:
    """Resident memory of one process; pages of a mapped model file count where it maps one."""
    size: int = psutil.Process(pid).memory_info().rss
    return size
