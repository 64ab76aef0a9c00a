"""Two machines with a wire between them, which is cut and mended in mid-answer.

What the machines are says tests/support/namespaces.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdist import ROOT
from tests.support.namespaces import End, two_machines

NETWORK = "10.213.7.0/24"

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


class Program:
    """One of ours on one of the machines, spoken to by lines."""

    def __init__(self, end: End, *words: str, home: Path) -> None:
        environment = {**os.environ, "ATHANOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            end.command(sys.executable, *words),
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


def cli(end: End, home: Path, *words: str) -> str:
    command = end.command(sys.executable, "-m", "app", *words)
    environment = {**os.environ, "ATHANOR_HOME": str(home)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    return done.stdout


@pytest.mark.slow
def test_an_answer_completes_though_the_wire_is_cut_and_mended_in_its_middle(
    tmp_path: Path,
) -> None:
    home, folder = tmp_path / "home", tmp_path / "host"
    folder.mkdir()
    serve = ("-m", "app", "serve", "--json", "--with-parent", "--port", "0")
    with (
        two_machines(NETWORK) as (here, there),
        Program(
            there, "-m", "tests.support.host_program", str(folder), there.address, home=home
        ) as host,
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

            here.cut()
            for _ in range(3):
                host.do("word")
            here.mend()

            assert [client.line() for _ in range(3)] == ["4", "5", "6"]
            host.do("end")
            assert client.line() == "whole"
