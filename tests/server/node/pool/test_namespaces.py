"""Two machines with a wire between them, which is cut and mended in mid-answer.

Each machine is a network namespace of Linux; the wire is a pair of virtual interfaces.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sdist import ROOT

HERE, THERE = "10.213.7.1", "10.213.7.2"

CLIENT = """
import openai, sys
client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=110)
messages = [{"role": "user", "content": "count"}]
for chunk in client.chat.completions.create(model="pool/large", messages=messages, stream=True):
    for choice in chunk.choices:
        if choice.delta.content:
            print(choice.delta.content.strip(), flush=True)
print("whole", flush=True)
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def why_not() -> str:
    """Why namespaces cannot be made here; "" where they can."""
    if shutil.which("ip") is None:
        return "needs ip (Debian: apt-get install iproute2)"
    name = f"ath{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        return "network namespaces are not permitted here"
    ip("netns", "del", name)
    return ""


@contextmanager
def two_machines() -> Iterator[tuple[str, str]]:
    """The names of two namespaces with a wire between them."""
    mark = secrets.token_hex(3)
    one, other = f"ath{mark}a", f"ath{mark}b"
    try:
        for name in (one, other):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", one, "netns", one, "type", "veth", "peer", "name", other, "netns", other)
        for name, address in ((one, HERE), (other, THERE)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
        yield one, other
    finally:
        for name in (one, other):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class Program:
    """One of ours in a namespace, spoken to by lines."""

    def __init__(self, namespace: str, *words: str, home: Path) -> None:
        environment = {**os.environ, "ATHANOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def line(self) -> str:
        """Its next one."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the program ended"
        return line.strip()

    def do(self, word: str) -> str:
        """Say a line and get the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.line()


def cli(namespace: str, home: Path, *words: str) -> str:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "app", *words]
    environment = {**os.environ, "ATHANOR_HOME": str(home)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "they are")
def test_an_answer_completes_though_the_wire_is_cut_and_mended_in_its_middle(
    tmp_path: Path,
) -> None:
    home, folder = tmp_path / "home", tmp_path / "host"
    folder.mkdir()
    serve = ("-m", "app", "serve", "--json", "--with-parent", "--port", "0")
    with (
        two_machines() as (here, there),
        Program(there, "-m", "tests.support.host_program", str(folder), THERE, home=home) as host,
        Program(here, *serve, "--spending", "prefix", "--trust", "anyone", home=home) as node,
    ):
        address = json.loads(node.line())["addresses"][0]
        cli(here, home, "pool", "join", host.line())
        host.do("market")
        with Program(here, "-c", CLIENT, address, home=home) as client:
            host.do("ask")
            for number in ("1", "2", "3"):
                host.do("word")
                assert client.line() == number

            ip("-n", here, "link", "set", here, "down")
            for _ in range(3):
                host.do("word")
            ip("-n", here, "link", "set", here, "up")

            assert [client.line() for _ in range(3)] == ["4", "5", "6"]
            host.do("end")
            assert client.line() == "whole"
