"""A real host of a pool in a process of its own, for tests that call it as its users do."""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.client.client import Client
from app.server.models.heads import make_head
from app.settings.paths import Paths
from app.wire.local import ServerLock
from app.wire.pool_admin import GrantRequest
from app.wire.pool_keys import InviteRequest, PoolKeyRequest
from tests.support.serving_process import serving_process

CREDIT = 1_000_000
PRICES = (100_000, 20_000, 400_000)
"""Micros for a million tokens: a token of answer costs 0.4 micros."""


@dataclass(frozen=True)
class RunningHost:
    """A host that serves. `process` may be killed by a test that asks what then happens."""

    home: Path
    base_url: str
    pool: str
    process: "subprocess.Popen[str]"

    @property
    def paths(self) -> Paths:
        """Where its files are."""
        return Paths.under(self.home)

    @property
    def root_url(self) -> str:
        """The address without /v1."""
        return self.base_url.removesuffix("/v1")

    @property
    def log(self) -> str:
        """What the host wrote to stderr so far."""
        return stderr_of(self.home).read_text(errors="replace")

    def client(self) -> Client:
        """The operator's terminal."""
        return Client.find_host(self.paths)

    def lock(self) -> ServerLock:
        """How the operator gets in."""
        return msgspec.json.decode(self.paths.pool_lock_file.read_bytes(), type=ServerLock)

    def account(self, name: str, credits: float = 100.0) -> str:
        """A new account with credits; its id."""
        with self.client() as client:
            account = client.make_pool_account(name)
            if credits:
                amount = int(credits * CREDIT)
                client.grant(GrantRequest(account=name, amount=amount, reason="a test"))
            return account.id

    def key(self, account: str, name: str = "program") -> str:
        """A new key of an account: the secret."""
        with self.client() as client:
            return client.make_pool_key(PoolKeyRequest(account=account, name=name)).secret

    def invite(self, account: str | None = None, *, uses: int = 1, name: str = "") -> str:
        """An invite for a machine of that account, or for a new account."""
        request = InviteRequest(
            kind="device" if account else "account", account=account or "", name=name, uses_max=uses
        )
        with self.client() as client:
            return client.make_invite(request).text


@contextmanager
def running_host(
    home: Path, *flags: str, environment: dict[str, str] | None = None
) -> Iterator[RunningHost]:
    """A host on a free port with `home` for all of its files; gone when the block ends."""
    port = () if "--port" in flags else ("--port", "0")
    command = ("pool", "serve", *port, *flags)
    with serving_process(command, home, stderr_of(home), environment) as (hosting, process):
        yield RunningHost(home, hosting["addresses"][0], hosting["pool"], process)


def offer(home: Path, name: str, model: Path) -> str:
    """Puts a model on the host's list, with its head; the content. Before the host is started."""
    folder = Paths.under(home).pool
    folder.mkdir(parents=True, exist_ok=True)
    head = make_head(model, folder / "heads")
    given, cached, output = PRICES
    with (folder / "prices.toml").open("a") as file:
        file.write(
            f'[[models]]\nsha256 = "{head.sha256}"\nname = "{name}"\n'
            f"prices = {{ input = {given}, cached_input = {cached}, output = {output} }}\n\n"
        )
    return head.sha256


def digest_of(model: Path) -> str:
    """The content of a model of one file."""
    return hashlib.sha256(model.read_bytes()).hexdigest()


def stderr_of(home: Path) -> Path:
    """Where the host's log is for tests."""
    return home / "host.stderr"
