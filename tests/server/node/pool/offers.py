"""Offers of jobs, and what a node told of them, for the tests of working for others."""

from msgspec.structs import replace

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.core.pool.receipt import RECEIPT, Receipt
from app.wire.engine import Delta, Embed, Generate, PromptChat, Said, Sampling
from app.wire.pool import Chunk, Finished, Offer, Register, Sealed
from tests.server.node.pool.members import Home

KEY = b"k" * 32


def body_of(text: str, **changes: object) -> Generate:
    body = Generate(
        request=RequestId("job-request"),
        prompt=PromptChat(messages=[{"role": "user", "content": text}]),
        sampling=Sampling(temperature=0.0),
    )
    return replace(body, **changes)


async def offer_job(
    home: Home, body: Generate | Embed | Sealed, job: str = "job", **changes: object
) -> Offer:
    """An offer of the echo model, as it was registered last."""
    register = next(f for f in reversed(home.host.frames) if isinstance(f, Register) and f.models)
    offer = Offer(
        job=JobId(job),
        attempt=0,
        sha256=register.models[0].sha256,
        body=body,
        first=0,
        prices=(Micros(10), Micros(5), Micros(20)),
        domain="payer",
        circle="anyone",
        deadline_seconds=30.0,
        commitment_key=KEY,
    )
    offer = replace(offer, **changes)
    await home.host.send(offer)
    return offer


async def lent(home: Home) -> None:
    await home.host.until(
        lambda: any(isinstance(f, Register) and f.models for f in home.host.frames)
    )


def told_text(home: Home) -> str:
    """What the chunks so far say."""
    chunks = [frame for frame in home.host.frames if isinstance(frame, Chunk)]
    deltas = [event for chunk in chunks for event in chunk.events if isinstance(event, Delta)]
    return "".join(part.text for d in deltas for part in d.parts if isinstance(part, Said))


def receipt_of(finished: Finished) -> Receipt:
    receipt = RECEIPT.read(finished.receipt)
    assert receipt is not None
    return receipt
