"""docs/host-a-pool.md is walked: every block of its shell, in order, by sh and with real processes.

What the page tells its reader to replace is replaced, and nothing else: the address, the invite and
the key. Whoever runs a block is told by the page; the files that it names lie where sh begins.
"""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.pool.members import wait_for
from tests.support.node import running_node
from tests.tidy.source import ROOT, read

PAGE = read("docs/host-a-pool.md")
BLOCKS = [
    re.sub(r"\\\n\s*", "", block) for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
]
STARTER = ROOT / "assets" / "models" / "athanor-starter.gguf"
MODEL_FILE, ADDRESS, INVITE, KEY = (
    "qwen3-8b-q4_k_m.gguf",
    "192.168.1.20:7118",
    "athanor://join/AFRH...",
    "athp_...",
)
FRIENDLY = "athanor pool invite --friend-of bert"
"""Of the page's own sentences: how the host's own machine joins, so that Bert lets it answer."""
ALWAYS = "athanor share always"
"""Beside the page: `share on` lends while nobody is at the machine, and without a screen nobody
knows whether somebody is."""
COMMAND_SECONDS_MAX = 60
SERVE = "athanor pool serve"
OF_A_MEMBER = ("athanor pool join", "athanor share", "athanor pool quote", "athanor run")
"""What the page has Bert do, on his machine. All else is the host's."""


def free_port() -> int:
    """One that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@dataclass
class Walk:
    """Two machines, as two homes, and what the page has told so far."""

    folder: Path
    port: int = field(default_factory=free_port)
    told: dict[str, str] = field(default_factory=dict)
    """What stands in the page -> what it is here."""

    def __post_init__(self) -> None:
        self.told[ADDRESS] = f"127.0.0.1:{self.port}"
        (self.folder / MODEL_FILE).symlink_to(STARTER)
        programs = self.folder / "bin"
        programs.mkdir()
        athanor = programs / "athanor"
        athanor.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app "$@"\n')
        athanor.chmod(0o755)

    def environment(self, whose: str) -> dict[str, str]:
        """That of somebody's terminal. Ports are taken here, so the host has another than 7118."""
        return {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ATHANOR_HOME": str(self.folder / whose),
            "ATHANOR_POOL_HOST_POOL_PORT": str(self.port),
        }

    def written(self, command: str) -> str:
        """A command with what its reader was to replace."""
        for there, here in self.told.items():
            command = command.replace(there, here)
        assert INVITE not in command and KEY not in command, f"nothing was told for: {command}"
        return command

    def run(self, command: str, whose: str = "") -> str:
        """What a command prints; it must succeed."""
        whose = whose or ("bert" if command.startswith(OF_A_MEMBER) else "host")
        done = subprocess.run(
            ["sh", "-c", f"exec {self.written(command)}"],
            cwd=self.folder,
            env=self.environment(whose),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def serving(self, command: str) -> Iterator["subprocess.Popen[str]"]:
        """The host, up inside the block, and ended by Ctrl-C after it if it is still there."""
        log = self.folder / "host.log"
        before = log.stat().st_size if log.exists() else 0
        with (
            log.open("a") as stderr,
            subprocess.Popen(
                ["sh", "-c", f"exec {self.written(command)}"],
                cwd=self.folder,
                env=self.environment("host"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
            ) as process,
        ):
            try:

                def is_up() -> bool:
                    assert process.poll() is None, f"{command} ended:\n{log.read_text()}"
                    return "hosting" in log.read_text()[before:]

                wait_for(is_up, command)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                try:
                    process.wait(COMMAND_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def found(pattern: str, text: str) -> str:
    """What matches in there."""
    match = re.search(pattern, text)
    assert match is not None, f"no {pattern} in: {text}"
    return match[0]


def put_certificate(folder: Path) -> None:
    """The two files of a certificate for pool.example.org, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pool.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pool.example.org")]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "privkey.pem").write_bytes(secret)
    (folder / "privkey.pem").chmod(0o600)


@contextmanager
def machine(walk: Walk, name: str) -> Iterator[None]:
    """One with Athanor and the very same file, which has run for a while and is no laptop."""
    flags = ("--sharing-start-delay-seconds", "0", "--sharing-on-battery", "true")
    with running_node(walk.folder / name, "--model", str(walk.folder / MODEL_FILE), *flags):
        yield


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    put_certificate(tmp_path)
    return Walk(tmp_path)


def test_the_page_has_the_blocks_that_are_walked() -> None:
    firsts = [" ".join(block.split()[:3]) for block in BLOCKS]

    assert firsts == [
        "athanor pool models",
        "athanor pool models",
        SERVE,
        SERVE,
        SERVE,
        "athanor pool invite",
        "athanor pool join",
        "athanor share --spend",
        "athanor pool accounts",
        "curl http://192.168.1.20:7118/v1/chat/completions -H",
        "athanor pool open",
    ]
    assert f"`{FRIENDLY}`" in " ".join(PAGE.split())
    assert all(word in "".join(BLOCKS) for word in (MODEL_FILE, ADDRESS, INVITE, KEY))


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="the page's blocks are for sh")
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl (Debian: apt install curl)")
def test_the_page_goes_from_nothing_to_a_friends_request_answered(walk: Walk) -> None:
    models, prices, alone, network, internet, invite, join, ask, keys, curl, pages = BLOCKS

    assert "is on the list" in walk.run(models)
    assert "0.05 credits, of answer 0.2" in walk.run(prices)
    for command in [*alone.splitlines(), *internet.splitlines()]:
        with walk.serving(command):
            assert "qwen3-8b" in walk.run("athanor pool models list")

    with ExitStack() as stack:
        host = stack.enter_context(walk.serving(network))
        for name in ("bert", "own"):
            stack.enter_context(machine(walk, name))
        walk.told[INVITE] = found(r"athanor://join/\w+", walk.run(invite))
        for command in join.splitlines():
            walk.run(command)
        assert "5 credits" in walk.run("athanor pool status", "bert")
        walk.told[INVITE] = found(r"athanor://join/\w+", walk.run(FRIENDLY))
        walk.run(join.splitlines()[0], "own")
        walk.run(ALWAYS, "own")
        for command in ask.splitlines():
            told = walk.run(command)
        assert told.strip(), "Bert's request was answered"

        walk.run(ALWAYS, "bert")
        for command in keys.splitlines():
            told = walk.run(command)
        walk.told[KEY] = found(r"athp_[\w-]+", told)
        answer = json.loads(walk.run(curl))
        assert answer["choices"][0]["message"]["content"], "Anna's request was answered"

        assert "http" in walk.run(pages)
        assert "bert" in walk.run("athanor pool accounts show bert")
        assert "qwen3-8b" in walk.run("athanor pool usage --by model")
        assert "all agrees" in walk.run("athanor pool audit")
        walk.run("athanor pool stop")
        assert host.wait(COMMAND_SECONDS_MAX) == 0
