"""Credits export: what a node can show of one pool, as rows for a spreadsheet, and checked again.

Pure: the export has all that was signed, so that anybody can check it who knows the keys.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import SECOND, Microseconds
from app.core.member.calendar import DAY_SECONDS, date_text, day_of
from app.core.member.credits import credits_text
from app.core.pool.checkpoint import read_checkpoint
from app.core.pool.credits_audit import CreditsReport, Settled, audit_credits
from app.core.pool.keys import Verifier
from app.core.pool.receipt import RECEIPT, VERDICT
from app.core.pool.signed import SignedBytes
from app.wire.pool_local import (
    CreditsFinding,
    ExportedReceipt,
    PoolExport,
    VerifyAnswer,
)

COLUMNS: Final = (
    "kind", "time", "job", "attempt", "model", "credits", "tokens_in", "tokens_out", "served_by",
    "status",
)  # fmt: skip

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_of(export: PoolExport) -> str:
    """One row a job, oldest first, with a heading; credits are exact decimals, times are UTC."""
    rows = [_earned_row(each) for each in export.receipts]
    rows += [
        (
            ask.at,
            ("spent", ask.job, "0", ask.model),
            ask.cost,
            (str(ask.prompt_tokens), str(ask.completion_tokens), ask.served_by),
        )
        for ask in export.asks
    ]
    lines = [",".join(COLUMNS)]
    for at, (kind, *names), micros, rest in sorted(rows, key=lambda row: row[0]):
        amount = "" if micros is None else credits_text(micros)
        status = "open" if micros is None else "settled"
        cells = [kind, time_text(at), *map(_text, names), amount, *map(_text, rest), status]
        lines.append(",".join(map(_quoted, cells)))
    return "\n".join(lines) + "\n"


def verify_export(export: PoolExport, verify: Verifier) -> VerifyAnswer:
    """The check of an export: the signed bytes, and that what is told beside them is what they say.

    Names of models and the member's own asks are signed by nobody.
    """
    report = audit_credits(
        [Settled(_receipt(each), _verdict(each)) for each in export.receipts],
        device=DeviceId(export.device),
        pool=PoolId(export.pool),
        verify=verify,
        checkpoints=[SignedBytes(each.checkpoint, each.signature) for each in export.checkpoints],
    )
    more = [*_told_otherwise(export.receipts), *_unsworn(export, verify)]
    return _answer(report, checkpoints=len(export.checkpoints), more=more)


def with_findings(answer: VerifyAnswer, more: Sequence[CreditsFinding]) -> VerifyAnswer:
    """The answer with what was found beside it."""
    findings = (*answer.findings, *more)
    return msgspec.structs.replace(answer, findings=findings, is_good=not findings)


def _answer(
    report: CreditsReport, *, checkpoints: int, more: Sequence[CreditsFinding]
) -> VerifyAnswer:
    findings = [
        CreditsFinding(place=f"receipt {each.index}", words=each.message)
        for each in report.breaches
    ]
    if report.fork is not None:
        findings.append(CreditsFinding(place="checkpoints", words=report.fork.message))
    findings += more
    return VerifyAnswer(
        is_good=not findings,
        receipts=report.seen,
        verdicts=report.settled + report.mismatched,
        checkpoints=checkpoints,
        earned=report.earned,
        findings=tuple(findings),
    )


def time_text(at: int) -> str:
    """A moment in ISO 8601, UTC, to the second."""
    seconds = at // SECOND % DAY_SECONDS
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{date_text(day_of(Microseconds(at), 0))}T{clock}Z"


_Row = tuple[int, tuple[str, ...], int | None, tuple[str, ...]]


def _told_otherwise(receipts: Sequence[ExportedReceipt]) -> Iterator[CreditsFinding]:
    """What is told of a receipt, for people and spreadsheets, and is not what was signed. Where the
    signed bytes cannot be read, that was found already."""
    for index, each in enumerate(receipts):
        said = RECEIPT.read(each.receipt)
        verdict = None if each.verdict is None else VERDICT.read(each.verdict)
        pairs: dict[str, tuple[object, object]] = {}
        if said is not None:
            pairs = {
                "number": (each.number, said.number),
                "job": (each.job, said.job),
                "attempt": (each.attempt, said.attempt),
                "at": (each.at, said.ended_at),
            }
        if verdict is not None or each.verdict is None:
            pairs["earned"] = (each.earned, None if verdict is None else verdict.earned)
        for name, (told, signed) in pairs.items():
            if told != signed:
                words = f"its {name} is told as {told}, and was signed as {signed}"
                yield CreditsFinding(place=f"receipt {index}", words=words)


def _unsworn(export: PoolExport, verify: Verifier) -> Iterator[CreditsFinding]:
    """Checkpoints that the host did not sign so."""
    for each in export.checkpoints:
        signed = SignedBytes(each.checkpoint, each.signature)
        body = read_checkpoint(signed, PoolId(export.pool), verify)
        if body is None or body.number != each.number:
            words = "it is not as the host signed it"
            yield CreditsFinding(place=f"checkpoint {each.number}", words=words)


def _earned_row(each: ExportedReceipt) -> _Row:
    said = RECEIPT.read(each.receipt)
    tokens = (said.tokens_in, said.tokens_out) if said else (0, 0)
    return (
        each.at,
        ("earned", each.job, str(each.attempt), each.model),
        each.earned,
        (str(tokens[0]), str(tokens[1]), ""),
    )


def _text(cell: str) -> str:
    """A spreadsheet must not take a stranger's name for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _quoted(cell: str) -> str:
    """RFC 4180."""
    is_plain = not any(character in cell for character in ',"\r\n')
    return cell if is_plain else '"' + cell.replace('"', '""') + '"'


def _receipt(each: ExportedReceipt) -> SignedBytes:
    return SignedBytes(each.receipt, each.signature)


def _verdict(each: ExportedReceipt) -> SignedBytes | None:
    if each.verdict is None or each.verdict_signature is None:
        return None
    return SignedBytes(each.verdict, each.verdict_signature)
