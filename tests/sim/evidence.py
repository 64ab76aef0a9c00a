"""What a receipt proves to the host: that this device says this of this attempt, and no other."""

from app.core.base.ids import DeviceId, PoolId
from app.core.ledger.work import Reported
from app.core.pool.receipt import RECEIPT
from app.core.pool.signed import SignedBytes
from app.wire.pool import Finished
from tests.sim.signatures import verify


def receipt_of(frame: Finished, device: DeviceId, pool: PoolId) -> Reported | None:
    """What the receipt in a frame says, where it holds; else None."""
    if not frame.receipt:
        return None
    signed = SignedBytes(frame.receipt, frame.signature)
    said = RECEIPT.read_signed(signed, device, verify)
    if said is None or said.pool != pool or said.device != device:
        return None
    if (said.job, said.attempt) != (frame.job, frame.attempt):
        return None
    return Reported(prompt=said.tokens_in, cached=said.tokens_cached, answer=said.tokens_out)
