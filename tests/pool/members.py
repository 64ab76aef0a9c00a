"""A whole pool of real processes: one host, nodes that lend a model, and friends that only ask.

All log at debug, and each has a folder of its own for temporary files, so that a test can look for
what must not be in either.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.client.client import Client
from app.settings.paths import Paths
from app.wire.pool_admin import GrantRequest
from app.wire.pool_keys import InviteRequest
from app.wire.pool_local import JoinRequest
from tests.support.node import RunningNode, running_node
from tests.support.pool_host import CREDIT, RunningHost, offer, running_host

READY_SECONDS_MAX = 180.0
QUICK = ("--grace-members-seconds", "0.3", "--heartbeat-members-seconds", "1")


@dataclass
class WholePool:
    """Host and nodes; `secret` is a caller's key."""

    host: RunningHost
    folder: Path
    model: Path
    sha256: str
    secret: str
    stack: ExitStack
    nodes: dict[str, RunningNode] = field(default_factory=dict)

    def start(self, name: str, *flags: str) -> RunningNode:
        """A node of the member's account, lending; back with its key if it was there before."""
        return self._start(
            name,
            lambda: self.host.invite("member"),
            *("--model", str(self.model)),
            *("--sharing-mode", "always", "--sharing-on-battery", "true"),
            *("--sharing-start-delay-seconds", "0"),
            *("--sequences", "4", "--context", "1024", *flags),
        )

    def start_friend(self, name: str) -> RunningNode:
        """A node of a friend of the member, with a credit to spend, that trusts friends alone."""
        node = self._start(
            name, lambda: self._friendly_invite(name), "--spending", "prefix", "--trust", "friends"
        )
        with self.host.client() as operator:
            operator.grant(GrantRequest(account=name, amount=CREDIT, reason="a test"))
        return node

    def restart_host(self, *flags: str) -> None:
        """It was killed; it is back where its members look for it."""
        port = self.host.root_url.rpartition(":")[2]
        self.host = self.stack.enter_context(start_host(self.folder, "--port", port, *flags))

    def _start(self, name: str, invite: Callable[[], str], *flags: str) -> RunningNode:
        node = self.stack.enter_context(
            running_node(
                self.folder / name,
                *("--log-level", "debug", *flags),
                environment=temporary(self.folder, name),
            )
        )
        is_new = name not in self.nodes
        self.nodes[name] = node
        with client_of(node) as client:
            if is_new:
                client.join_pool(JoinRequest(invite=invite(), name=name))
            wait_for(lambda: client.pool().link == "connected", f"{name} in the pool")
        return node

    def _friendly_invite(self, name: str) -> str:
        request = InviteRequest(kind="friend", account="member", name=name, uses_max=1)
        with self.host.client() as operator:
            return operator.make_invite(request).text

    def wait_lending(self, count: int) -> None:
        """Until so many machines take work for the model."""
        with self.host.client() as client:

            def lending() -> bool:
                machines = client.machines().machines
                return sum(m.is_lending and bool(m.models) for m in machines) >= count

            wait_for(lending, f"{count} machines that lend")

    def money(self, account: str = "caller") -> tuple[int, int]:
        """Balance and what of it is held, in micros."""
        with self.host.client() as client:
            found = client.pool_account(account).account
            return found.balance, found.held


@contextmanager
def whole_pool(
    folder: Path, model: Path, *names: str, flags: tuple[str, ...] = QUICK
) -> Iterator[WholePool]:
    """A host that offers the model, and nodes of these names that lend it."""
    sha256 = offer(folder / "host", "tiny", model)
    with ExitStack() as stack:
        host = stack.enter_context(start_host(folder, *flags))
        host.account("caller")
        host.account("member", credits=0)
        pool = WholePool(host, folder, model, sha256, host.key("caller"), stack)
        for name in names:
            pool.start(name)
        pool.wait_lending(len(names))
        yield pool


def start_host(folder: Path, *flags: str) -> AbstractContextManager[RunningHost]:
    """The host of that folder, with its log and its temporary files."""
    environment = temporary(folder, "host")
    return running_host(folder / "host", "--log-level", "debug", *flags, environment=environment)


def temporary(folder: Path, name: str) -> dict[str, str]:
    """What says to a process where its temporary files go; the folder is there."""
    own = folder / f"{name}.tmp"
    own.mkdir(exist_ok=True)
    return {"TMPDIR": str(own)}


def client_of(node: RunningNode) -> Client:
    """The node's terminal."""
    return Client.find(Paths.under(node.home))


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Asks until it holds; the tick is an event that nobody sets."""
    tick = threading.Event()
    for _ in range(int(READY_SECONDS_MAX / 0.05)):
        if holds():
            return
        tick.wait(0.05)
    raise AssertionError(f"waited in vain for {what}")
