"""A command whose lines are shown as they come, and kept, to be read when something went wrong."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import product

KEPT: Final = product.BUILD / "bundle-test"
"""Where the output of a build and of all its checks lies."""


def run(
    name: str, command: Sequence[str], *, limit_seconds: float, folder: Path = KEPT
) -> tuple[int, list[str]]:
    """Its exit code and its lines, both streams together; they are in NAME.log of the folder too.

    What runs past the limit is killed with all that it started, which the last line says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    with (
        (folder / f"{name}.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            cwd=product.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            _kill(process)

        watch = threading.Timer(limit_seconds, end)
        watch.start()
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                log.write(line)
                lines.append(line.rstrip("\n"))
            code = process.wait()
        except BaseException:
            # Ctrl-C reaches this process alone.
            _kill(process)
            raise
        finally:
            watch.cancel()
        if is_late.is_set():
            lines.append(f"{name} was ended after {limit_seconds:.0f} s")
            print(lines[-1], flush=True)
            log.write(f"{lines[-1]}\n")
    return code, lines


def _kill(process: "subprocess.Popen[str]") -> None:
    """Ends it with all that it started, where the system knows of that; else by itself."""
    if os.name == "posix":
        # Nobody is left of a session whose last process has just ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
