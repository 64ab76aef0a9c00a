"""`athanor credits`: what this machine earned and spent in its pool, with proof.

All but the host's balance is on this machine's disk, so it is told whether a server runs or not.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit, Misused
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running
from app.client.client import Client
from app.client.errors import NoServer
from app.core.member.credits import credits_text, credits_words
from app.core.pool.credits_export import csv_of, verify_export
from app.server.identity.keys import verify as is_signed
from app.settings.paths import Paths
from app.wire.pool_local import (
    DayList,
    DayPicture,
    PoolExport,
    ReceiptList,
    ReceiptPicture,
    VerifyAnswer,
)
from app.wire.pool_picture import PoolPicture

if TYPE_CHECKING:
    from app.server.main.kept_credits import KeptCredits

_T = TypeVar("_T")


@rich_click.group("credits")
def credits_() -> None:
    """Show what was earned and spent, check it, and take it along."""


@command(
    "balance",
    examples=(("what there is, and what the last week brought", "athanor credits balance"),),
    answer=PoolPicture,
)
def balance(is_json: bool) -> int:
    """Show the balance by the host's last word, and the last seven days by this machine's books.

    Where no server runs the days alone are shown: the host's word is not kept.
    """
    try:
        with running() as client:
            picture = client.pool()
            days = client.credit_days(7) if picture.is_member else DayList(days=())
    except NoServer:
        if is_json:
            raise
        return _balance_without_server()
    if is_json:
        print_json(picture)
        return Exit.OK if picture.is_member else Exit.FAILED
    if not picture.is_member:
        stdout().print("No pool is joined. `athanor pool join INVITE` joins one.", markup=False)
        return Exit.FAILED
    held = f", {credits_text(picture.held)} of them held" if picture.held else ""
    words = f"{credits_words(picture.balance)}{held}. {picture.today_summary}"
    stdout().print(words, markup=False, soft_wrap=True)
    if days.days:
        _print_days(days.days)
    return Exit.OK


def _balance_without_server() -> int:
    days = _told(lambda source: source.credit_days(7)).days
    note("The balance is the host's word, which is asked for while a server runs.")
    if days:
        _print_days(days)
    else:
        stdout().print("Nothing was earned or spent yet.", markup=False)
    return Exit.OK


def _print_days(days: tuple[DayPicture, ...]) -> None:
    print_table(
        ("DAY", "EARNED>", "SPENT>", "JOBS>", "KWH>", "ENERGY COST>"),
        [
            (
                day.date,
                credits_text(day.earned),
                credits_text(day.spent),
                str(day.jobs),
                f"{day.kilowatt_hours:.2f}" if day.kilowatt_hours else "-",
                day.cost or "-",
            )
            for day in days
        ],
    )


def _told(ask: "Callable[[Client | KeptCredits], _T]") -> _T:
    """What the server tells, or the files themselves where none runs."""
    try:
        with running() as client:
            return ask(client)
    except NoServer:
        from app.server.main.kept_credits import KeptCredits  # noqa: PLC0415  # SQL and keys

        note("No server is running: this is read from the files of this machine.")
        return ask(KeptCredits(Paths.find()))


@command(
    "receipts",
    examples=(
        ("the last jobs", "athanor credits receipts"),
        ("more of them", "athanor credits receipts --count 500"),
    ),
    answer=ReceiptList,
)
@click.option("--count", type=click.IntRange(1, 1000), default=20, help="How many; 20.")
def receipts(count: int, is_json: bool) -> int:
    """List the last jobs: of others that this machine computed, and its own that others did."""
    found = _told(lambda source: source.credit_receipts(count))
    if is_json:
        print_json(found)
    elif not found.receipts:
        stdout().print("There are no receipts yet.", markup=False)
    else:
        print_table(
            ("TIME", "KIND", "CREDITS>", "MODEL", "IN>", "OUT>", "STATE", "JOB"),
            [_row(receipt) for receipt in found.receipts],
        )
    return Exit.OK


def _row(receipt: ReceiptPicture) -> tuple[str, ...]:
    return (
        time.strftime("%Y-%m-%d %H:%M", time.localtime(receipt.at)),
        receipt.kind,
        "-" if receipt.micros is None else credits_text(receipt.micros),
        receipt.model,
        str(receipt.prompt_tokens),
        str(receipt.completion_tokens),
        "settled" if receipt.status == "settled" else "waits for the host",
        receipt.job,
    )


@command(
    "verify",
    examples=(
        ("everything that this machine keeps", "athanor credits verify"),
        ("a file that was exported, anywhere", "athanor credits verify credits.json"),
    ),
    answer=VerifyAnswer,
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def verify(file: Path | None, is_json: bool) -> int:
    """Check every receipt, counter-signature and checkpoint; needs no network, server or trust.

    The first entry that was altered, left out or put in another order is named. The exit code is 1
    when something does not agree.
    """
    if file is not None:
        answer = verify_export(read_export(file), is_signed)
    else:
        answer = _told(lambda source: source.verify_credits())
    if is_json:
        print_json(answer)
        return Exit.OK if answer.is_good else Exit.FAILED
    words = (
        f"{answer.receipts} receipts, {answer.verdicts} counter-signed, {answer.checkpoints} "
        f"checkpoints; earned {credits_words(answer.earned)}."
    )
    stdout().print(words, markup=False, soft_wrap=True)
    for finding in answer.findings:
        stdout().print(f"{finding.place}: {finding.words}", markup=False, soft_wrap=True)
    good = "All of it agrees." if answer.is_good else "This does not agree; keep an export of it."
    note(good)
    return Exit.OK if answer.is_good else Exit.FAILED


def read_export(file: Path) -> PoolExport:
    """What `athanor credits export` wrote. Raises: Misused."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=PoolExport)
    except msgspec.MsgspecError:
        raise Misused(
            f"{file} is no export of credits",
            remedy="`athanor credits export --json` writes one.",
        ) from None


@command(
    "export",
    examples=(
        ("for a spreadsheet", "athanor credits export > credits.csv"),
        ("with all signatures, to be checked anywhere",
         "athanor credits export --json > credits.json"),
    ),
    answer=PoolExport,
)  # fmt: skip
def export(is_json: bool) -> int:
    """Write everything that was earned and spent to stdout: as CSV, or with its proofs as JSON."""
    found = _told(lambda source: source.export_credits())
    if is_json:
        print_json(found)
    else:
        sys.stdout.write(csv_of(found))
    return Exit.OK


credits_.add_command(balance)
credits_.add_command(receipts)
credits_.add_command(verify)
credits_.add_command(export)
