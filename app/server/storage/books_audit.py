"""Audit: everything that the books keep, rebuilt from their events, and what does not agree.

Total: each account, lot, hold and event is seen, and is matched, mismatched or unreadable; what
cannot be read is never left out in silence. Reads one moment of the file, while others write.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.ledger.accounts import KINDS
from app.core.ledger.lots import SOURCES
from app.server.storage.books_schema import connect_reader
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("books_audit")

FINDINGS_MAX: Final = 100
"""That an audit names; it counts all."""

Subject = Literal["file", "account", "lot", "hold", "event"]


class Finding(NamedTuple):
    """One thing that does not agree, or that cannot be read."""

    subject: Subject
    name: str
    what: str


@final
class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `seen` = `matched` + `mismatched` + `unreadable`, always."""

    seen: int
    matched: int
    mismatched: int
    unreadable: int
    events: int
    """Of `seen`."""
    findings: tuple[Finding, ...] = ()
    """The first `FINDINGS_MAX`."""

    @property
    def is_clean(self) -> bool:
        """Whether everything was read and agrees."""
        return self.mismatched == self.unreadable == 0


def audit(path: Path) -> Audit:
    """The audit of the books at `path`. Raises: DatabaseUnusable where there is no such file."""
    connection = connect_reader(path)
    try:
        return _Auditor(connection).run()
    finally:
        connection.close()


class _Row(NamedTuple):
    """A thing that the books keep: what it is called, and what is wrong with it ("": nothing)."""

    name: str
    wrong: str


@final
class _Auditor:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen = self._mismatched = self._unreadable = self._events = 0
        self._findings: list[Finding] = []

    def run(self) -> Audit:
        self._connection.execute("begin")  # one moment for all queries
        self._judge("file", self._file)
        self._judge("account", self._accounts)
        self._judge("lot", self._lots)
        self._judge("hold", self._holds)
        before = self._seen
        self._judge("event", self._event_rows)
        self._events = self._seen - before
        return Audit(
            seen=self._seen,
            matched=self._seen - self._mismatched - self._unreadable,
            mismatched=self._mismatched,
            unreadable=self._unreadable,
            events=self._events,
            findings=tuple(self._findings[:FINDINGS_MAX]),
        )

    def _judge(self, subject: Subject, rows: Callable[[], Iterator[_Row]]) -> None:
        """Count the rows; a table that breaks off counts as one more that cannot be read."""
        try:
            for row in rows():
                self._seen += 1
                if row.wrong:
                    self._mismatched += 1
                    self._note(subject, row.name, row.wrong)
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            self._seen += 1
            self._unreadable += 1
            self._note(subject, f"after {self._seen - 1} others", f"cannot be read: {error}")

    def _note(self, subject: Subject, name: str, what: str) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(subject, name, what))

    def _file(self) -> Iterator[_Row]:
        """SQLite's own look at pages and indexes, and the sum over everything."""
        for (said,) in self._connection.execute("pragma integrity_check"):
            yield _Row("pages", "" if said == "ok" else str(said))
        lost = self._connection.execute("pragma foreign_key_check").fetchall()
        yield _Row("references", f"{len(lost)} lead nowhere, in {lost[0][0]}" if lost else "")
        total = self._sums(_SQL["sum_of_all"]).get(0, 0)
        yield _Row("sum of all postings", "" if total == 0 else f"is {total}, not 0")

    def _accounts(self) -> Iterator[_Row]:
        posted = self._sums(_SQL["posted_by_account"])
        held = self._sums(_SQL["held_by_account"])
        in_lots = self._sums(_SQL["lots_by_account"])
        rows = self._connection.execute(_SQL["accounts"])
        for number, kind, owner, balance, holding in rows:
            yield _Row(
                f"{kind}:{owner}" if owner else str(kind),
                "; ".join(
                    filter(
                        None,
                        (
                            "" if kind in KINDS else f"its kind {kind!r} is not known",
                            _differs("balance", balance, posted[number], "its postings"),
                            _differs("held", holding, held[number], "its reservations"),
                            _differs("balance", balance, in_lots[number], "its lots")
                            if kind == "user"
                            else "",
                        ),
                    )
                ),
            )

    def _lots(self) -> Iterator[_Row]:
        posted = self._sums(_SQL["posted_by_lot"])
        came = self._sums(_SQL["put_in_by_lot"])
        held = self._sums(_SQL["held_by_lot"])
        back = self._sums(_SQL["taken_back_by_lot"])
        rows = self._connection.execute(_SQL["lots"])
        for number, name, source, balance, reserved, received, returned in rows:
            found = (
                "" if source in SOURCES else f"its source {source!r} is not known",
                _differs("balance", balance, posted[number], "its postings"),
                _differs("reserved", reserved, held[number], "its reservations"),
                _differs("received", received, came[number], "what was put in"),
                _differs("returned", returned, back[number], "what was taken back"),
            )
            yield _Row(str(name), "; ".join(filter(None, found)))

    def _holds(self) -> Iterator[_Row]:
        held = self._sums(_SQL["held_by_hold"])
        granted = self._sums(_SQL["granted_by_hold"])
        ends = dict(self._connection.execute(_SQL["end_of_hold"]))
        for number, name, state, amount, ever in self._connection.execute(_SQL["holds"]):
            told = ends.get(number, "open")
            found = (
                "" if state == told else f"is {state}, its events say {told}",
                _differs("amount", amount, held[number], "its reservations"),
                _differs("granted", ever, granted[number], "what was held by it"),
            )
            yield _Row(str(name), "; ".join(filter(None, found)))

    def _event_rows(self) -> Iterator[_Row]:
        sums = self._sums(_SQL["posted_by_event"])
        amounts = self._sums(_SQL["amount_by_event"])
        expected = 1
        for number, name, amount in self._connection.execute(_SQL["events"]):
            found = (
                "" if number == expected else f"is number {number}, not {expected}",
                "" if sums[number] == 0 else f"its postings sum to {sums[number]}, not 0",
                _differs("amount", amount, amounts[number], "its postings and reservations"),
            )
            expected = number + 1
            yield _Row(str(name), "; ".join(filter(None, found)))

    def _sums(self, query: str) -> defaultdict[int | None, int]:
        """What a query of keys and sums says; 0 for a key that it does not have."""
        sums: defaultdict[int | None, int] = defaultdict(int)
        for key, total in self._connection.execute(query):
            sums[key] = total or 0
        return sums


def _differs(what: str, kept: int, rebuilt: int, by: str) -> str:
    return "" if kept == rebuilt else f"{what} is {kept}, {by} make {rebuilt}"
