"""A server in a process of its own, started by its command line: what nodes and hosts share.

It says on one line when it serves, and ends when its stdin does, so that a test that dies leaves
nothing behind.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS_MAX = 300
STOP_SECONDS_MAX = 120


@contextmanager
def serving_process(
    command: tuple[str, ...], home: Path, stderr: Path, environment: dict[str, str] | None
) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """`athanor COMMAND` with `home` for all its files: what its first line said, and the process.

    `stderr` is appended to. It is asked to end when the block does.
    """
    home.mkdir(exist_ok=True, parents=True)
    with (
        stderr.open("a") as log,
        subprocess.Popen(
            [sys.executable, "-m", "app", *command, "--json", "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **(environment or {}), "ATHANOR_HOME": str(home)},
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        watchdog = threading.Timer(START_SECONDS_MAX, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
            watchdog.cancel()
            assert line, f"it ended before it served:\n{stderr.read_text()}"
            serving = json.loads(line)
            assert "addresses" in serving, f"it said: {line}{process.stdout.read()}"
            yield serving, process
        finally:
            watchdog.cancel()
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
