"""A built or installed Athanor, called as its user would where there is nothing else.

The environment is empty but for a home of its own: no PATH, no Python.
"""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEADLINE_SECONDS: Final = 180.0
"""For anything at all: a loaded machine is no fault of the bundle."""

Json = dict[str, object]


class Failed(Exception):
    """The bundle does not do what it must."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One executable with one home."""

    program: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """All that its processes are told."""
        told = {"HOME": str(self.home), "USERPROFILE": str(self.home), "PATH": ""}
        if os.name == "nt":
            told |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
            told["LOCALAPPDATA"] = str(self.home / "AppData" / "Local")
        return told

    def told(self, *words: str | Path) -> str:
        """What a command prints. Raises: Failed."""
        done = subprocess.run(
            [self.program, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Failed(f"athanor {' '.join(map(str, words))}: {done.returncode}, {done.stderr}")
        return done.stdout

    def asked(self, *words: str | Path) -> Json:
        """The same with --json, decoded. Raises: Failed."""
        answer: Json = json.loads(self.told(*words, "--json"))
        return answer

    @contextmanager
    def running(self, *words: str) -> Iterator[tuple[subprocess.Popen[str], Json]]:
        """A process that stays, with the line that it prints when it is ready; killed at the end.

        Raises: Failed where it ends before that.
        """
        with subprocess.Popen(
            [self.program, *words, "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    raise Failed(f"athanor {words[0]} ended with {process.wait()} at its start")
                yield process, json.loads(line)
            finally:
                process.kill()


def port_of(ready: Json) -> int:
    """The port of the first address that a server told."""
    addresses = ready["addresses"]
    assert isinstance(addresses, list)
    return int(str(addresses[0]).split(":")[2].split("/")[0])


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    connection.request("GET", path, headers={"Accept": "text/html, application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def streamed(port: int, model: str, question: str, *, key: str = "") -> tuple[str, int]:
    """A greedy answer, and in how many chunks it came. Raises: Failed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 60,
        "stream": True,
    }
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    if answer.status != 200 or not data or data[-1] != "[DONE]":
        raise Failed(f"the stream ({answer.status}) did not end as it should: {lines[-3:]}")
    chunks = [json.loads(each).get("choices", []) for each in data[:-1]]
    text = "".join(each[0]["delta"].get("content") or "" for each in chunks if each)
    return text, len(chunks)


def until(holds: Callable[[], bool], trouble: str) -> None:
    """Waits for it. Raises: Failed with the trouble."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise Failed(trouble)
        time.sleep(0.05)
