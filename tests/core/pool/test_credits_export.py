"""What is told beside the signed bytes of an export is what they say, or is named."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from app.core.pool.checkpoint import CHECKPOINT
from app.core.pool.credits_export import verify_export
from app.core.pool.receipt import RECEIPT, VERDICT
from app.server.identity.keys import verify
from app.wire.pool_local import ExportedCheckpoint, ExportedReceipt, PoolExport
from tests.core.pool.chains import DEVICE, POOL, checkpoints, flipped, settled


def an_export() -> PoolExport:
    """Of four receipts, the last without a verdict, and two checkpoints."""
    kept = settled(4)
    chain = [entry.verdict for entry in kept if entry.verdict is not None]
    told = []
    for number, (receipt, verdict) in enumerate(kept):
        said = RECEIPT.read(receipt.body)
        judged = None if verdict is None or number == 3 else verdict
        worth = None if judged is None else VERDICT.read(judged.body)
        assert said is not None
        told.append(
            ExportedReceipt(
                number=number,
                job=said.job,
                attempt=said.attempt,
                model="tiny",
                at=said.ended_at,
                receipt=receipt.body,
                signature=receipt.signature,
                verdict=None if judged is None else judged.body,
                verdict_signature=None if judged is None else judged.signature,
                earned=None if worth is None else worth.earned,
                settled_at=None if worth is None else worth.at,
            )
        )
    sworn = [
        ExportedCheckpoint(number=number, checkpoint=each.body, signature=each.signature)
        for number, each in enumerate(checkpoints(chain, [2, 4]))
    ]
    return PoolExport(
        pool=POOL.pool,
        name="club",
        device=DEVICE.device,
        receipts=tuple(told),
        checkpoints=tuple(sworn),
        asks=(),
    )


def with_receipt(index: int, **fields: object) -> Callable[[PoolExport], PoolExport]:
    """Change what is told of one receipt."""

    def change(export: PoolExport) -> PoolExport:
        receipts = list(export.receipts)
        receipts[index] = replace(receipts[index], **fields)
        return replace(export, receipts=tuple(receipts))

    return change


def with_checkpoint(**fields: object) -> Callable[[PoolExport], PoolExport]:
    """Change the second checkpoint."""

    def change(export: PoolExport) -> PoolExport:
        first, second = export.checkpoints
        return replace(export, checkpoints=(first, replace(second, **fields)))

    return change


def test_an_export_as_it_was_made_agrees() -> None:
    found = verify_export(an_export(), verify)

    assert found.is_good and not found.findings
    assert (found.receipts, found.verdicts, found.checkpoints, found.earned) == (4, 3, 2, 45)


BODY = an_export().checkpoints[1].checkpoint


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (with_receipt(1, earned=15_000_000), "receipt 1", "its earned is told as 15000000, and"),
        (with_receipt(3, earned=15), "receipt 3", "its earned is told as 15, and"),
        (with_receipt(1, earned=None), "receipt 1", "its earned is told as None, and"),
        (with_receipt(1, job="another"), "receipt 1", "its job is told as another, and"),
        (with_receipt(1, attempt=2), "receipt 1", "its attempt is told as 2, and"),
        (with_receipt(1, number=7), "receipt 1", "its number is told as 7, and"),
        (with_receipt(1, at=0), "receipt 1", "its at is told as 0, and"),
        (with_checkpoint(signature=b"\0" * 64), "checkpoint 1", "not as the host signed it"),
        (with_checkpoint(checkpoint=flipped(BODY, 900)), "checkpoint 1", "not as the host signed"),
        (with_checkpoint(number=3), "checkpoint 3", "not as the host signed it"),
    ],
)
def test_what_is_told_otherwise_than_it_was_signed_is_named(
    change: Callable[[PoolExport], PoolExport], place: str, words: str
) -> None:
    assert CHECKPOINT.read(BODY) is not None

    found = verify_export(change(an_export()), verify)

    assert not found.is_good
    (finding,) = found.findings
    assert finding.place == place and words in finding.words
