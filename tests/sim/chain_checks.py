"""Invariants 4, 6 and 15: two ledgers of the same work, and nothing in either of them is lost.

The host has books and a chain of verdicts, each node a chain of receipts, an outbox and the
verdicts that came. After every step they agree, but for what is pending, and why it is.
"""

from collections.abc import Callable
from random import Random

from app.core.base.ids import DeviceId, JobId, SessionId
from app.core.pool.chain import (
    BEGINNING,
    Breach,
    Head,
    Link,
    verify_chain,
    verify_receipts,
    verify_verdicts,
)
from app.core.pool.checkpoint import CHECKPOINT, find_fork
from app.core.pool.credits_audit import Settled, audit_credits
from app.core.pool.receipt import RECEIPT
from app.core.pool.signed import SignedBytes
from app.wire.pool import Finished
from tests.sim.clock import SECOND
from tests.sim.host import SimHost
from tests.sim.node import SimNode
from tests.sim.signatures import verify

Key = tuple[JobId, int]
Verify = Callable[[list[SignedBytes], Head], Breach | None]

PENDING_SECONDS_MAX = 100
"""After the trouble: an orphan waits 60 s for the receipts of its other attempts."""


class ChainWatch:
    """A chain that only ever grows. Each entry is verified as it comes, and with a bit turned."""

    def __init__(self, name: str, verify_chain: Verify, random: Random) -> None:
        self.name, self._verify, self._random = name, verify_chain, random
        self.known: list[SignedBytes] = []

    def look(self, entries: list[SignedBytes]) -> list[SignedBytes]:
        """6: what came since the last look goes on with what was there. Those that came."""
        count = len(self.known)
        assert entries[:count] == self.known, f"6: {self.name} rewrote its chain"
        new = entries[count:]
        for entry in new:
            head = Head(len(self.known), self.known[-1].hash) if self.known else BEGINNING
            found = self._verify([entry], head)
            assert found is None, f"6: {self.name}: {found}"
            self._check_turned(entry, head)
            self.known.append(entry)
        return new

    def check_whole(self) -> None:
        """6: all of it from its beginning, and with any bit turned it breaks at that entry."""
        found = self._verify(self.known, BEGINNING)
        assert found is None, f"6: {self.name}: {found}"
        if self.known:
            place = self._random.randrange(len(self.known))
            turned = [*self.known]
            turned[place] = with_a_bit_turned(turned[place], self._random)
            breach = self._verify(turned, BEGINNING)
            assert breach is not None and breach.index == place, "6: a bit was turned unseen"

    def _check_turned(self, entry: SignedBytes, head: Head) -> None:
        breach = self._verify([with_a_bit_turned(entry, self._random)], head)
        assert breach is not None and breach.index == head.count, "6: a bit was turned unseen"


def with_a_bit_turned(entry: SignedBytes, random: Random) -> SignedBytes:
    """It, but for one bit of its body or its signature."""
    joined = bytearray(entry.joined)
    place = random.randrange(len(joined))
    joined[place] ^= 1 << random.randrange(8)
    cut = len(entry.body)
    return SignedBytes(bytes(joined[:cut]), bytes(joined[cut:]))


class ChainChecks:
    """Looks after every step at what has changed."""

    def __init__(self, host: SimHost, nodes: list[SimNode], *, calm_at: int) -> None:
        """`calm_at` is when nothing goes wrong any more."""
        self.host, self.nodes, self.calm_at = host, nodes, calm_at
        # Of its own, so that what is looked at changes nothing in the world.
        random = Random(len(nodes))
        self._host_chain = ChainWatch("the host", self._verify_verdicts, random)
        self._checkpoints = ChainWatch("the host (checkpoints)", self._verify_checkpoints, random)
        self._chains = {
            node.device: ChainWatch(f"node {node.number}", self._verifier(node.device), random)
            for node in nodes
            if node.character != "forks"
        }
        self._accepted: dict[tuple[SessionId, int], bytes] = {}
        self._signed: dict[DeviceId, set[Key]] = {node.device: set() for node in nodes}
        self._given: dict[DeviceId, dict[Key, int]] = {node.device: {} for node in nodes}
        self._waits: dict[tuple[DeviceId, Key], int] = {}
        self._settled = 0
        self._honest = [node for node in nodes if node.character == "honest"]
        self._sizes: list[tuple[int, ...]] = [()] * len(nodes)

    def after_step(self) -> None:
        """4, 6, 15: of the host's chain and books, and of every node whose disk has changed."""
        disk = self.host.disk
        if disk.verdicts != self._host_chain.known:
            self._host_chain.look(disk.verdicts)
        if disk.checkpoints != self._checkpoints.known:
            self._checkpoints.look(disk.checkpoints)
        assert not self.host.doubts, f"6: {self.host.doubts}"
        for node in self._honest:
            assert not node.chain.disputes, f"6: node {node.number}: {node.chain.disputes}"
        sizes = [node.disk.size for node in self.nodes]
        if sizes != self._sizes or len(disk.settles) != self._settled:
            self._look_at_nodes(sizes)
        if self._waits and self.host.clock.now > self.calm_at:
            oldest = min(self._waits.values())
            waited = self.host.clock.now - max(oldest, self.calm_at)
            assert waited <= PENDING_SECONDS_MAX * SECOND, f"4: {self._waits} are still pending"

    def when_quiet(self) -> None:
        """6: the chains in whole, and all that any two nodes were told fits one of them."""
        self._host_chain.check_whole()
        self._checkpoints.check_whole()
        told = [signed for node in self.nodes for signed in node.disk.checkpoints]
        fork = find_fork(told, (), pool=self.host.key.pool, verify=verify)
        assert fork is None, f"6: {fork}"
        for chain in self._chains.values():
            chain.check_whole()

    def accepted(self, device: DeviceId, frame: Finished) -> None:
        """6: in one session the host takes no two receipts of one number."""
        receipt = RECEIPT.read(frame.receipt)
        session = self.host.door.sessions.of_device(device)
        assert receipt is not None and session is not None
        before = self._accepted.setdefault((session.id, receipt.number), frame.receipt)
        assert before == frame.receipt, f"6: {device[:8]} has two receipts {receipt.number}"

    # --- what has changed ------------------------------------------------------------------------

    def _look_at_nodes(self, sizes: list[tuple[int, ...]]) -> None:
        given = self._take_settlements()
        for node, size, before in zip(self.nodes, sizes, self._sizes, strict=True):
            if size != before:
                self._look_at(node)
            elif node.device in given:
                self._check_money(node)
        self._sizes = sizes

    def _take_settlements(self) -> set[DeviceId]:
        """Those that the books have given something since the last look."""
        settles = self.host.disk.settles
        found = set[DeviceId]()
        for name in list(settles)[self._settled :]:
            for record in self.host.disk.records_of(name):
                amount = self.host.disk.earned(name, record.attempt)
                self._given[record.worker][name, record.attempt] = amount
                found.add(record.worker)
        self._settled = len(settles)
        return found

    def _look_at(self, node: SimNode) -> None:
        chain = self._chains.get(node.device)
        for entry in chain.look(node.disk.receipts) if chain is not None else ():
            self._take_receipt(node, entry)
        self._check_money(node)
        if node.character == "honest":
            self._check_kept(node)
            self._check_audit(node)

    def _take_receipt(self, node: SimNode, entry: SignedBytes) -> None:
        receipt = RECEIPT.read(entry.body)
        assert receipt is not None
        key = (receipt.job, receipt.attempt)
        is_new = key not in self._signed[node.device]
        assert is_new or node.character != "honest", f"15: node {node.number} claims {key} twice"
        self._signed[node.device].add(key)

    # --- the laws --------------------------------------------------------------------------------

    def _check_money(self, node: SimNode) -> None:
        """4: what the node's verdicts say is what the books gave it, but for what is pending."""
        given = self._given[node.device]
        told = {key: verdict.earned for key, verdict in node.disk.verdicts.items()}
        pending = {key: amount for key, amount in given.items() if key not in told}
        booked = sum(told.values())
        posted = sum(given.values())
        wrong = f"4: node {node.number}: {booked} told, {pending} pending, {posted} given"
        assert booked + sum(pending.values()) == posted, wrong
        for key, earned in told.items():
            assert earned == given.get(key, 0), f"4: {key}: {earned} told, {given.get(key)} given"
        if node.character == "honest":
            for key in pending.keys() & self._signed[node.device]:
                assert key in node.disk.outbox, f"4: node {node.number} waits for {key} no more"

    def _check_kept(self, node: SimNode) -> None:
        """15: every receipt has its verdict, or is sent until it has; whoever crashed meanwhile."""
        waiting, told = node.disk.outbox.keys(), node.disk.verdicts.keys()
        lost = self._signed[node.device] - waiting - told
        assert not lost, f"15: node {node.number} lost its receipts of {lost}"
        for key in told:
            self._waits.pop((node.device, key), None)
        for key in waiting:
            self._waits.setdefault((node.device, key), self.host.clock.now)

    def _check_audit(self, node: SimNode) -> None:
        """6: what the owner would be told by `athanor credits verify`."""
        entries = [Settled(entry, node.disk.signed.get(entry.hash)) for entry in node.disk.receipts]
        report = audit_credits(
            entries,
            device=node.device,
            pool=self.host.key.pool,
            verify=verify,
            checkpoints=node.disk.checkpoints,
        )
        assert report.is_sound, f"6: node {node.number}: {report.breaches}, {report.fork}"
        told = sum(verdict.earned for verdict in node.disk.verdicts.values())
        assert report.earned == told, f"4: node {node.number}: {report.earned} proved, {told} told"

    def _verify_verdicts(self, entries: list[SignedBytes], after: Head) -> Breach | None:
        return verify_verdicts(entries, pool=self.host.key.pool, verify=verify, after=after)

    def _verify_checkpoints(self, entries: list[SignedBytes], after: Head) -> Breach | None:
        return verify_chain(
            entries, _link_of, owner=(self.host.key.pool,), verify=verify, after=after
        )

    def _verifier(self, device: DeviceId) -> Verify:
        def verify_entries(entries: list[SignedBytes], after: Head) -> Breach | None:
            pool = self.host.key.pool
            return verify_receipts(entries, device=device, pool=pool, verify=verify, after=after)

        return verify_entries


def _link_of(body: bytes) -> Link | None:
    found = CHECKPOINT.read(body)
    return found and Link(found.number, found.previous, (found.pool,))
