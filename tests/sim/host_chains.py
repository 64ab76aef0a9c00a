"""The host's chains, as `server/host/verdicts` has them: checkpoints, and what devices signed.

In memory but for the disk: each life of the host begins with what is on that.
"""

from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import Microseconds
from app.core.pool.checkpoint import CHECKPOINT, CheckpointBody
from app.core.pool.checkpoint_watch import CheckpointWatch
from app.core.pool.device_chain import DeviceChain
from app.core.pool.receipt import RECEIPT, VERDICT
from app.core.pool.signed import SignedBytes
from app.wire.pool import Finished
from tests.sim.disk import Disk
from tests.sim.signatures import verify


class HostChains:
    """Of one life of the host."""

    def __init__(self, disk: Disk, doubts: list[str]) -> None:
        """`doubts` takes what members were told that is not on the disk, one sentence each."""
        self.disk = disk
        self.pool = PoolId(disk.pool.public)
        self.doubts = doubts
        self._devices: dict[DeviceId, DeviceChain] = {}
        self._watch = CheckpointWatch(disk.checkpoints, pool=self.pool, verify=verify)

    def of_device(self, device: DeviceId) -> DeviceChain:
        """What is known of a device's chain: of an earlier life its last verdict alone."""
        if device not in self._devices:
            self._devices[device] = self._stored(device)
        return self._devices[device]

    def forget(self, device: DeviceId) -> None:
        """Its session is over; its chain is read again when it is back."""
        self._devices.pop(device, None)

    def goes_on(self, device: DeviceId, frame: Finished) -> bool:
        """Whether the receipt in it goes on with the device's chain; it is remembered then."""
        receipt = RECEIPT.read(frame.receipt)
        assert receipt is not None, "it was verified"
        signed = SignedBytes(frame.receipt, frame.signature)
        return self.of_device(device).take(receipt, signed.hash) != "forked"

    @property
    def has_grown(self) -> bool:
        """Whether there is something new to swear."""
        if not self.disk.checkpoints:
            return True
        last = CHECKPOINT.read(self.disk.checkpoints[-1].body)
        assert last is not None
        return len(self.disk.verdicts) > last.count

    def swear(self, at: Microseconds) -> None:
        """A new checkpoint, on the disk."""
        verdicts, before = self.disk.verdicts, self.disk.checkpoints[-1:]
        body = CHECKPOINT.encode(
            CheckpointBody(
                pool=self.pool,
                number=len(self.disk.checkpoints),
                previous=before[0].hash if before else b"",
                count=len(verdicts),
                head=verdicts[-1].hash if verdicts else b"",
                at=at,
            )
        )
        signed = SignedBytes(body, self.disk.pool.sign(body))
        self._watch.swear(len(self.disk.checkpoints), signed)
        self.disk.swear(signed)

    def shown(self, checkpoint: bytes) -> None:
        """The last checkpoint that a member saw, as its heartbeat carries it."""
        doubt = self._watch.contradiction(checkpoint)
        if doubt:
            self.doubts.append(doubt)

    def _stored(self, device: DeviceId) -> DeviceChain:
        for signed in reversed(self.disk.verdicts):
            verdict = VERDICT.read(signed.body)
            assert verdict is not None
            if verdict.device == device and verdict.receipt:
                receipt = RECEIPT.read(verdict.receipt)
                assert receipt is not None
                last = SignedBytes(verdict.receipt, verdict.receipt_signature)
                return DeviceChain(receipt.number + 1, last.hash)
        return DeviceChain()
