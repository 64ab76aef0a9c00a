"""The audit finds what does not agree, names it, and leaves nothing out."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import AnyCommand, Clawback, EventId, Expire, Extend, Lapse, LotId
from app.server.storage.books_audit import Audit, audit
from app.server.storage.books_store import BooksStore
from app.server.storage.database import DatabaseUnusable
from tests.server.storage.books.told import (
    BOB,
    MINUTE,
    NOW,
    file_with_a_life,
    grant,
    reserve,
    settle,
    tell_all_well,
    void,
)


def tampered(folder: Path, *statements: str) -> Audit:
    """The audit of books that somebody changed by hand, the triggers out of the way."""
    return changed_by_hand(file_with_a_life(folder), *statements)


def changed_by_hand(path: Path, *statements: str) -> Audit:
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'"):
            connection.execute(f"drop trigger {name}")
        connection.execute("pragma ignore_check_constraints = on")
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return audit(path)


def test_books_that_nobody_touched_are_clean(tmp_path: Path) -> None:
    found = audit(file_with_a_life(tmp_path))

    assert found.is_clean and not found.findings
    assert found.events == 10 and found.seen == found.matched


TAMPERED = [
    ("update ledger_postings set amount = amount + 1 where event = 1 and number = 0",
     {("event", "grant"), ("file", "sum of all postings")}),
    ("update ledger_accounts set balance = balance + 1000 where owner = 'bob'",
     {("account", "user:bob")}),
    ("update ledger_accounts set held = 0 where owner = 'alice'", {("account", "user:alice")}),
    ("update ledger_lots set balance = balance + 5 where id = 'grant'",
     {("lot", "grant"), ("account", "user:alice")}),
    ("update ledger_lots set reserved = 0 where id = 'grant'", {("lot", "grant")}),
    ("update ledger_lots set returned = 1 where id = 'grant'", {("lot", "grant")}),
    ("update ledger_lots set received = 1 where id = 'grant'", {("lot", "grant")}),
    ("update ledger_lots set source = 'found' where id = 'grant'", {("lot", "grant")}),
    ("update ledger_holds set amount = 1 where id = 'left-open'", {("hold", "left-open")}),
    ("update ledger_holds set granted = 9999 where id = 'hold-0'", {("hold", "hold-0")}),
    ("update ledger_holds set state = 'voided' where id = 'hold-0'", {("hold", "hold-0")}),
    ("update ledger_holds set state = 'open', closed_at = null where id = 'hold-0'",
     {("hold", "hold-0")}),
    ("delete from ledger_events where id = 'hold-1'", {("event", "end-1"), ("file", "references")}),
    ("delete from ledger_reservations where event = 2",
     {("hold", "hold-0"), ("lot", "grant"), ("account", "user:alice")}),
    ("update ledger_accounts set kind = 'casino' where kind = 'fees'", {("account", "casino")}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "named"), TAMPERED, ids=[s[:50] for s, _ in TAMPERED])
def test_a_change_by_hand_is_found_and_named(
    tmp_path: Path, statement: str, named: set[tuple[str, str]]
) -> None:
    found = tampered(tmp_path, statement)

    assert named <= {(finding.subject, finding.name) for finding in found.findings}
    assert not found.is_clean and found.mismatched >= len(named)
    assert found.seen == found.matched + found.mismatched + found.unreadable


LATER = Microseconds(NOW + MINUTE)
EVERY_KIND: list[AnyCommand] = [
    grant("grant", 10_000),
    reserve("hold", 500),
    Extend(id=EventId("more"), at=NOW, hold=EventId("hold"), amount=Micros(100), timeout=MINUTE),
    Clawback(id=EventId("taken"), at=NOW, lot=LotId("grant"), amount=Micros(10_000)),
    settle("paid", "hold", 200),  # what comes free of it goes to the debt
    replace(grant("gift", 900, BOB), expires_at=LATER),
    reserve("useless", 30, BOB),
    void("voided", "useless"),
    reserve("forgotten", 40, BOB),
    Expire(id=EventId("expired"), at=LATER, hold=EventId("forgotten")),
    Lapse(id=EventId("lapsed"), at=LATER, lot=LotId("gift")),
]


@pytest.mark.parametrize("event", [command.id for command in EVERY_KIND])
def test_an_amount_is_what_its_event_moved_held_or_released(tmp_path: Path, event: str) -> None:
    path = tmp_path / "books.db"
    store = BooksStore.open(path)
    tell_all_well(store, *EVERY_KIND)
    store.close()
    assert audit(path).is_clean

    found = changed_by_hand(
        path, f"update ledger_events set amount = amount + 7 where id = '{event}'"
    )

    assert ("event", event) in {(finding.subject, finding.name) for finding in found.findings}


def test_pages_that_cannot_be_read_are_counted_and_not_skipped(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        ((size,),) = connection.execute("pragma page_size").fetchall()
        ((page,),) = connection.execute(
            "select rootpage from sqlite_master where name = 'ledger_postings'"
        ).fetchall()
    connection.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)

    found = audit(path)

    assert found.unreadable > 0 and not found.is_clean
    assert found.seen == found.matched + found.mismatched + found.unreadable


def test_a_file_without_books_is_not_called_clean(tmp_path: Path) -> None:
    found = audit(tmp_path / "empty.db")

    assert found.unreadable > 0


def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable):
        audit(tmp_path)


def test_an_audit_names_some_and_counts_all(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("drop trigger ledger_accounts_are_kept")
        connection.executemany(
            "insert into ledger_accounts (kind, owner, balance) values ('pool', ?, 7)",
            [(f"p{number}",) for number in range(150)],
        )
    connection.close()

    found = audit(path)

    assert found.mismatched == 150 and len(found.findings) == 100
