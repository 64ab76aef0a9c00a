"""The file holds its own rules, whatever program writes into it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.storage.books.told import file_with_a_life

EVENT = (
    "insert into ledger_events (number, id, kind, at, fingerprint, amount, about)"
    " values ({number}, {id!r}, 'transfer', 1, zeroblob(32), 0, '')"
)
POSTING = (
    "insert into ledger_postings (event, number, account, lot, amount)"
    " values ({event}, {number}, {account}, {lot}, {amount})"
)
ALICE = "(select number from ledger_accounts where owner = 'alice')"
BOB = "(select number from ledger_accounts where owner = 'bob')"
MINT = "(select number from ledger_accounts where kind = 'mint')"
GRANT = "(select number from ledger_lots where id = 'grant')"
OPEN = "(select number from ledger_holds where id = 'left-open')"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file_with_a_life(tmp_path), isolation_level=None)
    connection.execute("pragma foreign_keys = on")
    yield connection
    connection.close()


def posting(amount: int, *, account: str = MINT, lot: str = "null", event: int = 999) -> str:
    return POSTING.format(event=event, number=abs(amount), account=account, lot=lot, amount=amount)


REFUSED = [
    ("update ledger_postings set amount = amount + 1", "never changed"),
    ("delete from ledger_postings", "never deleted"),
    ("update ledger_events set at = 0", "never changed"),
    ("delete from ledger_events where number = 1", "never deleted"),
    ("update ledger_reservations set amount = 1", "never changed"),
    ("delete from ledger_reservations", "never deleted"),
    ("delete from ledger_holds", "never deleted"),
    ("delete from ledger_lots", "never deleted"),
    ("delete from ledger_accounts", "never deleted"),
    (EVENT.format(number=1, id="new").replace("insert", "insert or replace"), "never replaced"),
    (EVENT.format(number=99, id="grant").replace("insert", "insert or replace"), "never replaced"),
    (EVENT.format(number=99, id="new").replace(", 1,", ", '2026-11-22T07:00:00',"), "store TEXT"),
    (EVENT.format(number=99, id="new").replace(", 1,", ", 1790000000.5,"), "store REAL"),
    (posting(5, event=1), "nothing is added"),
    (posting(5, event=1).replace("insert", "insert or replace"), "nothing is added"),
    (posting(5, account=ALICE), "lots of their own"),
    (posting(5, account=MINT, lot=GRANT), "lots of their own"),
    (posting(5, account=BOB, lot=GRANT), "lots of their own"),
    (posting(-50_000, account=ALICE, lot=GRANT), "CHECK"),
    ("update ledger_accounts set balance = -1 where owner = 'alice'", "CHECK"),
    ("update ledger_accounts set balance = 'much' where owner = 'alice'", "cannot store TEXT"),
    ("update ledger_lots set balance = 0.5 where id = 'grant'", "cannot store REAL"),
    (f"insert into ledger_reservations values (999, {GRANT}, {OPEN}, 99999)", "CHECK"),
    (f"insert into ledger_reservations values (999, {GRANT}, 1, 5)", "an open hold"),
    ("update ledger_holds set state = 'open', closed_at = null where id = 'hold-0'", "ends once"),
    ("update ledger_holds set amount = amount where id = 'hold-0'", "ends once"),
    ("insert into ledger_accounts (kind, owner) values ('casino', '')", "CHECK"),
    ("insert into ledger_accounts (kind, owner) values ('user', '')", "CHECK"),
    ("insert into ledger_accounts (kind, owner, balance) values ('debt', 'bob', 1)", "CHECK"),
]


@pytest.mark.parametrize(("statement", "said"), REFUSED, ids=[s[:60] for s, _ in REFUSED])
def test_the_file_refuses(file: sqlite3.Connection, statement: str, said: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=said):
        file.execute(statement)


def test_the_file_refuses_an_event_whose_postings_do_not_sum_to_zero(
    file: sqlite3.Connection,
) -> None:
    file.execute("begin")
    file.execute(posting(-5))

    with pytest.raises(sqlite3.IntegrityError, match="sum to zero"):
        file.execute(EVENT.format(number=999, id="new"))


def test_the_file_refuses_postings_without_their_event(file: sqlite3.Connection) -> None:
    file.execute("begin")
    file.execute(posting(-5))

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        file.execute("commit")


def test_the_file_takes_a_whole_event_and_keeps_the_balance(file: sqlite3.Connection) -> None:
    file.execute("begin")
    file.execute(posting(-5))
    file.execute(posting(5, account="(select number from ledger_accounts where kind = 'fees')")
                 .replace("999, 5,", "999, 6,"))  # fmt: skip
    file.execute(EVENT.format(number=999, id="new"))
    file.execute("commit")

    ((kept, made),) = file.execute(
        f"select balance, (select sum(amount) from ledger_postings where account = {MINT})"
        f" from ledger_accounts where number = {MINT}"
    ).fetchall()
    assert kept == made == -10_005


def test_all_tables_of_the_books_are_strict(file: sqlite3.Connection) -> None:
    made = dict(file.execute("select name, sql from sqlite_master where type = 'table'").fetchall())
    ours = [sql for name, sql in made.items() if name.startswith("ledger_")]

    assert len(ours) == 7
    assert all(sql.endswith(("strict", "strict, without rowid")) for sql in ours)
