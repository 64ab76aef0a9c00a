"""The host's disk: what a kill leaves. Books, who was asked, receipts, and the chain of verdicts.

Writes are in order and take time; each is there in whole or not at all. A host that is killed while
a write is under way finds out afterwards whether it was made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.base.ids import AccountId, JobId, PoolId
from app.core.base.units import CREDIT, Micros, Microseconds
from app.core.ledger.accounts import MINT, user
from app.core.ledger.books import Books
from app.core.ledger.changes import Decision
from app.core.ledger.commands import AnyCommand, EventId, Settle, Transfer
from app.core.ledger.decide import apply
from app.core.ledger.result import Outcome
from app.core.pool.jobs.effects import Record
from app.core.pool.receipt import VERDICT, Verdict
from app.core.pool.signed import SignedBytes
from app.server.identity.keys import PoolKey

Key = tuple[JobId, int]


@dataclass
class Disk:
    """Everything durable. `changed` is set by every write, for the checks."""

    pool: PoolKey
    books: Books = field(default_factory=Books)
    records: dict[EventId, Record] = field(default_factory=dict)
    settles: dict[JobId, Settle] = field(default_factory=dict)
    verdicts: list[SignedBytes] = field(default_factory=list)
    checkpoints: list[SignedBytes] = field(default_factory=list)
    by_attempt: dict[tuple[JobId, int, str], SignedBytes] = field(default_factory=dict)
    changed: int = 0
    is_full: bool = False
    on_write: Callable[[AnyCommand, Decision], None] = lambda command, decision: None

    def grant(self, account: AccountId, amount: int, at: Microseconds) -> None:
        """Credits from nowhere, as an operator gives them."""
        command = Transfer(
            id=EventId(f"grant/{account}/{self.changed}"),
            at=at,
            payer=MINT,
            payee=user(account),
            amount=Micros(amount),
            source="granted",
        )
        assert self.write(command).result.is_in_books
        assert amount < 1000 * CREDIT

    def write(self, command: AnyCommand) -> Outcome:
        """One command, durably."""
        decision = self.decide(command)
        self.on_write(command, decision)
        if decision.changes is not None:
            self.changed += 1
            if isinstance(command, Settle):
                job = JobId(command.hold.removeprefix("job/"))
                assert job not in self.settles, f"5: {job} is settled twice"
                self.settles[job] = command
        return decision.outcome

    def decide(self, command: AnyCommand) -> Decision:
        """What the books make of it; they are as after it."""
        return apply(self.books, command)

    def record(self, record: Record) -> None:
        """Who was asked."""
        assert record.id not in self.records, "an attempt is recorded once"
        self.records[record.id] = record
        self.changed += 1

    def records_of(self, job: JobId) -> tuple[Record, ...]:
        """The attempts of a job that were written down."""
        return tuple(record for record in self.records.values() if record.job == job)

    def sign(self, verdict: Verdict) -> SignedBytes:
        """The next of the chain, once for each attempt of a device: a second one is the first."""
        key = (verdict.job, verdict.attempt, verdict.device)
        known = self.by_attempt.get(key)
        if known is not None:
            return known
        body = VERDICT.encode(verdict)
        signed = SignedBytes(body, self.pool.sign(body))
        self.verdicts.append(signed)
        self.by_attempt[key] = signed
        self.changed += 1
        return signed

    def swear(self, checkpoint: SignedBytes) -> None:
        """The next of the chain of checkpoints."""
        self.checkpoints.append(checkpoint)
        self.changed += 1

    def verdict(
        self,
        key: Key,
        device: str,
        *,
        earned: int,
        receipt: SignedBytes | None,
        at: int,
        answer: int = 0,
    ) -> Verdict:
        """What the host says of an attempt."""
        pool = PoolId(self.pool.public)
        return Verdict(
            pool=pool,
            number=len(self.verdicts),
            previous=self.verdicts[-1].hash if self.verdicts else b"",
            job=key[0],
            attempt=key[1],
            device=device,
            receipt=receipt.body if receipt is not None else b"",
            receipt_signature=receipt.signature if receipt is not None else b"",
            prompt=0,
            cached=0,
            answer=answer,
            again=0,
            charged=Micros(0),
            earned=Micros(earned),
            from_fund=Micros(0),
            ending="completed",
            reason="",
            at=Microseconds(at),
        )

    def earned(self, job: JobId, attempt: int) -> int:
        """What the books gave for an attempt."""
        settle = self.settles.get(job)
        if settle is None:
            return 0
        return sum(p.amount for p in settle.postings if p.attempt == attempt)
