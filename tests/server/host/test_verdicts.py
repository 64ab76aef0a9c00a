"""The host's chains: verdicts that go on after a restart, receipts that hold, doubts told."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros
from app.core.ledger.settlement import Line
from app.core.ledger.work import Reported
from app.core.pool.chain import Head, verify_verdicts
from app.core.pool.checkpoint import CHECKPOINT, find_fork
from app.core.pool.receipt import RECEIPT, VERDICT, receipt_in
from app.core.pool.signed import SignedBytes
from app.server.host.verdicts import Verdicts, Work
from app.server.identity.keys import verify
from app.server.storage.accounts import Accounts
from app.server.storage.checkpoints import Checkpoints
from app.server.storage.database import Database
from app.server.storage.receipts import Receipts
from app.wire.message import Message
from app.wire.pool import Checkpoint, Countersigned, Finished
from tests.core.pool.chains import DEVICE, POOL, receipts
from tests.core.pool.session_pair import pool_key
from tests.server.storage.host import with_host

RECEIPTS = receipts(6)


class Host:
    """Verdicts on a real database. `told` is what members heard."""

    def __init__(self, database: Database, account: AccountId) -> None:
        self.database, self.account = database, account
        self.told: list[Message] = []

    async def up(self) -> Verdicts:
        """As after a start."""
        verdicts = Verdicts(
            Receipts(self.database),
            Checkpoints(self.database),
            signer=POOL,
            verify=verify,
            tell=self._tell,
            now=lambda: 1_790_000_000_000_000,
        )
        await verdicts.load()
        return verdicts

    def work(self, number: int) -> Work:
        receipt = RECEIPTS[number]
        said = RECEIPT.read(receipt.body)
        assert said is not None
        return Work(
            job=said.job,
            attempt=0,
            payer=self.account,
            device=DEVICE.device,
            earner=self.account,
            receipt=receipt,
            line=Line(attempt=0, prompt=100, cached=40, answer=20, earned=Micros(15)),
            ending="completed",
            reason="",
        )

    async def chain(self) -> list[SignedBytes]:
        stored = await Receipts(self.database).all()
        return [SignedBytes(each.verdict, each.signature) for each in stored]

    def _tell(self, device: DeviceId, frame: Message) -> bool:
        assert device == DEVICE.device
        self.told.append(frame)
        return True


def with_verdicts(folder: Path, act: Callable[[Host], Awaitable[None]]) -> None:
    async def run(database: Database, clock) -> None:
        account, _ = await (await Accounts.open(database, clock)).create("anna")
        await act(Host(database, account.id))

    with_host(folder, run)


def finished(number: int) -> Finished:
    said = RECEIPT.read(RECEIPTS[number].body)
    assert said is not None
    body, signature = RECEIPTS[number]
    return Finished(job=said.job, attempt=0, reason="completed", receipt=body, signature=signature)


def test_verdicts_are_one_chain_over_restarts_and_each_worker_is_told(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        for number in range(4):
            await (await host.up()).give(host.work(number), Micros(16))

        chain = await host.chain()
        head = Head(4, chain[-1].hash)
        assert verify_verdicts(chain, pool=POOL.pool, verify=verify, head=head) is None
        told = [frame for frame in host.told if isinstance(frame, Countersigned)]
        assert [SignedBytes(frame.verdict, frame.signature) for frame in told] == chain
        for number, signed in enumerate(chain):
            verdict = VERDICT.read(signed.body)
            assert verdict is not None and receipt_in(verdict) == RECEIPTS[number]

    with_verdicts(tmp_path, act)


def test_one_attempt_has_one_verdict(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        verdicts = await host.up()
        for _ in range(3):
            await verdicts.give(host.work(0), Micros(16))

        assert (len(await host.chain()), verdicts.count, len(host.told)) == (1, 1, 1)

    with_verdicts(tmp_path, act)


def test_receipts_hold_in_any_order_also_after_a_restart_and_a_second_story_does_not(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        verdicts = await host.up()
        await verdicts.device_head(DEVICE.device)
        held = [verdicts.reported(DEVICE.device, finished(number)) for number in (0, 2, 1)]
        assert held == [Reported(prompt=100, cached=40, answer=20 + n) for n in (0, 2, 1)]
        await verdicts.give(host.work(2), Micros(16))

        verdicts = await host.up()
        assert await verdicts.device_head(DEVICE.device) == (3, RECEIPTS[2].hash)
        assert verdicts.reported(DEVICE.device, finished(1)) is not None
        assert verdicts.reported(DEVICE.device, finished(3)) is not None
        mixed = finished(3)
        swapped = Finished(
            job=JobId("job-5"), attempt=0, reason="completed",
            receipt=mixed.receipt, signature=mixed.signature,
        )  # fmt: skip
        assert verdicts.reported(DEVICE.device, swapped) is None
        assert verdicts.reported(DeviceId("1" * 64), finished(4)) is None

    with_verdicts(tmp_path, act)


def joined(checkpoint: Checkpoint | None) -> bytes:
    assert checkpoint is not None
    return checkpoint.checkpoint + checkpoint.signature


def test_checkpoints_are_one_chain_and_sworn_only_where_there_is_news(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        for number in range(3):
            verdicts = await host.up()
            await verdicts.give(host.work(number), Micros(16))
            assert await verdicts.swear() is not None
            assert await verdicts.swear() is None

        sworn = list(await Checkpoints(host.database).all())
        assert find_fork(sworn, (), pool=POOL.pool, verify=verify) is None
        bodies = [CHECKPOINT.read(one.body) for one in sworn]
        places = [(body.number, body.count) for body in bodies if body]
        assert places == [(0, 1), (1, 2), (2, 3)]

    with_verdicts(tmp_path, act)


def test_a_host_that_was_put_back_to_an_older_copy_learns_it_from_its_members(
    tmp_path: Path,
) -> None:
    shown: list[bytes] = []

    async def first(host: Host) -> None:
        verdicts = await host.up()
        await verdicts.give(host.work(0), Micros(16))
        await verdicts.swear()
        await verdicts.give(host.work(1), Micros(16))
        shown.append(joined(await verdicts.swear()))
        verdicts.shown(shown[0])
        assert not verdicts.doubts

    async def older(host: Host) -> None:
        verdicts = await host.up()
        await verdicts.give(host.work(0), Micros(16))
        await verdicts.swear()
        for _ in range(2):
            verdicts.shown(shown[0])
        assert len(verdicts.doubts) == 1
        assert "older copy" in verdicts.doubts[0]
        verdicts.shown(b"")
        verdicts.shown(shown[0][:-64] + pool_key(9).sign(shown[0][:-64]))
        assert len(verdicts.doubts) == 1

    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with_verdicts(tmp_path / "one", first)
    with_verdicts(tmp_path / "other", older)
