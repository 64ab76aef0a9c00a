"""Chains of receipts, verdicts and checkpoints, signed by real keys, the same in every run."""

from msgspec.structs import replace

from app.core.base.ids import JobId
from app.core.base.units import Micros, Microseconds
from app.core.pool.checkpoint import CHECKPOINT, CheckpointBody
from app.core.pool.credits_audit import Settled
from app.core.pool.receipt import RECEIPT, VERDICT, Receipt, Verdict
from app.core.pool.signed import SignedBytes
from app.server.identity.keys import DeviceKey, PoolKey
from tests.core.pool.session_pair import device_key, pool_key

DEVICE = device_key(1)
CHAIN_KEYS = (device_key(1), pool_key())
POOL = pool_key()
BEGAN = 1_790_000_000_000_000


def a_receipt(number: int = 0, previous: bytes = b"") -> Receipt:
    return Receipt(
        pool=POOL.pool,
        device=DEVICE.device,
        number=number,
        previous=previous,
        job=JobId(f"job-{number}"),
        attempt=0,
        payer="payer-1",
        circle="anyone",
        is_sealed=False,
        sha256="ab" * 32,
        quantisation="Q4_K_M",
        context=8192,
        runtime="llama-cpp-python 0.3.36 cuda",
        first=0,
        end=20 + number,
        tokens_in=100,
        tokens_cached=40,
        tokens_out=20 + number,
        tokens_reasoning=5,
        prices=(Micros(100_000), Micros(50_000), Micros(400_000)),
        ending="completed",
        prompt_commitment=bytes([1]) * 32,
        answer_commitment=bytes([2]) * 32,
        began_at=Microseconds(BEGAN + number * 10_000_000),
        ended_at=Microseconds(BEGAN + number * 10_000_000 + 2_000_000),
        first_token_ms=120,
        total_ms=2000,
    )


def a_verdict(receipt: SignedBytes | None, number: int = 0, previous: bytes = b"") -> Verdict:
    said = RECEIPT.read(receipt.body) if receipt else None
    return Verdict(
        pool=POOL.pool,
        number=number,
        previous=previous,
        job=said.job if said else JobId(f"lost-{number}"),
        attempt=0,
        device=DEVICE.device,
        receipt=receipt.body if receipt else b"",
        receipt_signature=receipt.signature if receipt else b"",
        prompt=100,
        cached=40,
        answer=said.tokens_out if said else 0,
        again=0,
        charged=Micros(16),
        earned=Micros(15),
        from_fund=Micros(0),
        ending="completed",
        reason="",
        at=Microseconds(BEGAN + number * 10_000_000 + 3_000_000),
    )


def signed(body: bytes, key: DeviceKey | PoolKey) -> SignedBytes:
    return SignedBytes(body, key.sign(body))


def receipts(count: int, key: DeviceKey = DEVICE) -> list[SignedBytes]:
    """A device's chain."""
    chain: list[SignedBytes] = []
    for number in range(count):
        receipt = a_receipt(number, chain[-1].hash if chain else b"")
        chain.append(signed(RECEIPT.encode(replace(receipt, device=key.device)), key))
    return chain


def verdicts(about: list[SignedBytes], *, charged: int = 16) -> list[SignedBytes]:
    """The host's chain, one verdict for each receipt."""
    chain: list[SignedBytes] = []
    for number, receipt in enumerate(about):
        verdict = a_verdict(receipt, number, chain[-1].hash if chain else b"")
        chain.append(signed(VERDICT.encode(replace(verdict, charged=Micros(charged))), POOL))
    return chain


def checkpoints(chain: list[SignedBytes], at: list[int]) -> list[SignedBytes]:
    """The host's checkpoints of a chain, at these counts."""
    made: list[SignedBytes] = []
    for number, count in enumerate(at):
        body = CheckpointBody(
            pool=POOL.pool,
            number=number,
            previous=made[-1].hash if made else b"",
            count=count,
            head=chain[count - 1].hash if count else b"",
            at=Microseconds(BEGAN + number * 3_600_000_000),
        )
        made.append(signed(CHECKPOINT.encode(body), POOL))
    return made


def settled(count: int) -> list[Settled]:
    """What a node keeps, all of it counter-signed."""
    chain = receipts(count)
    return [Settled(*pair) for pair in zip(chain, verdicts(chain), strict=True)]


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
