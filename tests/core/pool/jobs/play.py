"""Play: a job, what befalls it, and a record of what it wanted done."""

from typing import TypeVar

import msgspec

from app.core.base.ids import AccountId, DeviceId, Domain, JobId, RequestId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.commands import Extend, Reserve, Settle, Void
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.result import Outcome, Result
from app.core.ledger.work import Reported
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.effects import Book, Deliver, Effect, End, FindWorker, Record, SendOffer
from app.core.pool.jobs.job import Candidate, Counted, Job, JobRequest, Placement
from app.core.pool.jobs.rules import RULES, JobRules
from app.core.pool.jobs.steps import advance, submit
from app.wire.engine import (
    Begun,
    Delta,
    Embed,
    Embedded,
    Ended,
    Generate,
    Progress,
    PromptText,
    Refused,
    Said,
)
from app.wire.pool import Accepted, Chunk, Finished, Rejected, Sealed

E = TypeVar("E", bound=msgspec.Struct)

SHA256 = "ab" * 32
PRICES = Prices(input=Micros(10**6), cached_input=Micros(10**5), output=Micros(2 * 10**6))
"""A micro a token of prompt, two a token of answer."""
NAME = JobId("j1")
REQUEST = RequestId("r1")
START = Microseconds(1_790_000_000 * SECOND)


def body(max_tokens: int | None = None, *, progress: bool = False) -> Generate:
    return Generate(
        request=REQUEST, prompt=PromptText(text="?"), max_tokens=max_tokens, progress=progress
    )


def embedding(inputs: int = 2) -> Embed:
    return Embed(request=REQUEST, inputs=["?"] * inputs)


def request(**fields: object) -> JobRequest:
    """Ten tokens of prompt, answers without an end but the context's."""
    given: dict[str, object] = {
        "job": NAME,
        "account": AccountId("payer"),
        "domain": Domain("payer"),
        "model": "m",
        "body": body(),
        "candidates": (candidate(),),
        "shares": Shares(worker=80, fee=15, fund=5),
    }
    return JobRequest(**{**given, **fields})  # type: ignore[arg-type]


def candidate(sha256: str = SHA256, *, prompt: int = 10, context: int = 4096) -> Candidate:
    return Candidate(sha256=sha256, prices=PRICES, prompt_tokens=prompt, context=context)


class Play:
    """One job. Every call is a happening; `effects` are those of the last one, `all` of all."""

    def __init__(self, rules: JobRules = RULES, **fields: object) -> None:
        self.rules = rules
        self.now = START
        self.all: list[Effect] = []
        self.job: Job
        self.job, self.effects = submit(request(**fields), self.now, rules)
        self.all += self.effects

    def do(self, happening: befell.Happening, *, after_seconds: float = 0.0) -> "Play":
        self.now = Microseconds(self.now + int(after_seconds * SECOND))
        self.job, self.effects = advance(self.job, happening, self.now, self.rules)
        self.all += self.effects
        return self

    # --- the books -------------------------------------------------------------------------------

    def command(self) -> Reserve | Extend | Settle | Void:
        """The last that the books were asked for."""
        return [e for e in self.all if isinstance(e, Book)][-1].command

    def granted(self, amount: int | None = None) -> "Play":
        command = self.command()
        wanted = command.amount if isinstance(command, Reserve | Extend) else 0
        given = Micros(wanted if amount is None else amount)
        return self.do(befell.Booked(command=command.id, outcome=Outcome(Result.DONE, given)))

    def refused(self, available: int = 0) -> "Play":
        short = Outcome(Result.INSUFFICIENT_CREDITS, Micros(0), Micros(available))
        return self.do(befell.Booked(command=self.command().id, outcome=short))

    def settled(self) -> "Play":
        return self.granted()

    def recorded(self) -> "Play":
        record = [e for e in self.all if isinstance(e, Record)][-1]
        return self.do(befell.Recorded(command=record.id))

    # --- workers ---------------------------------------------------------------------------------

    def placed(
        self, worker: str, *, circle: str = "anyone", sha256: str = SHA256, context: int = 0
    ) -> "Play":
        placement = Placement(
            worker=DeviceId(worker),
            account=AccountId("payer" if circle == "own" else f"owner of {worker}"),
            name=worker,
            sha256=sha256,
            circle=circle,  # type: ignore[arg-type]
            first_seconds=10.0,
            gap_seconds=5.0,
            tokens_per_second=20.0,
            milliseconds=500.0,
            context=context,
        )
        return self.do(befell.Placed(placement=placement))

    def running(self, worker: str, **fields: str) -> "Play":
        """Placed, in the books and accepted."""
        self.placed(worker, **fields).recorded()
        return self.accepted(worker)

    def heard(self, worker: str, frame: Accepted | Rejected | Chunk | Finished, **more) -> "Play":
        return self.do(befell.Heard(worker=DeviceId(worker), frame=frame, **more))

    def accepted(self, worker: str, *, is_cold: bool = False) -> "Play":
        return self.heard(
            worker, Accepted(job=NAME, attempt=self.attempt_of(worker), is_cold=is_cold)
        )

    def rejected(self, worker: str, code: str = "no_slot") -> "Play":
        frame = Rejected(job=NAME, attempt=self.attempt_of(worker), code=code)  # type: ignore[arg-type]
        return self.heard(worker, frame)

    def chunk(self, worker: str, tokens: list[int], *, first: int | None = None, end: str = ""):
        """Tokens and their text; `end` is the reason with which the answer ends."""
        attempt = self.attempt_of(worker)
        events: list[Begun | Delta | Ended] = []
        if tokens:
            said = [Said(text="".join(f"{token} " for token in tokens))]
            events.append(
                Delta(request=REQUEST, choice=0, parts=said, tokens=len(tokens), token_ids=tokens)
            )
        if end:
            events.append(Ended(request=REQUEST, choice=0, reason=end))  # type: ignore[arg-type]
        place = self.job.delivered if first is None else first
        return self.heard(
            worker, Chunk(job=NAME, attempt=attempt, first=place, tokens=tokens, events=events)
        )

    def begun(self, worker: str, *, cached: int | None = None) -> "Play":
        """Its first word; with `cached` also that the prompt is read."""
        events: list[Begun | Progress] = [Begun(request=REQUEST, prompt_tokens=10)]
        if cached is not None:
            read = Progress(request=REQUEST, total=10, cached=cached, processed=10, ms=1)
            events.append(read)
        attempt = self.attempt_of(worker)
        chunk = Chunk(
            job=NAME, attempt=attempt, first=self.job.delivered, tokens=[], events=[*events]
        )
        return self.heard(worker, chunk)

    def embedded(self, worker: str, vectors: int = 2) -> "Play":
        event = Embedded(request=REQUEST, vectors=[b""] * vectors, prompt_tokens=10)
        attempt = self.attempt_of(worker)
        return self.heard(
            worker, Chunk(job=NAME, attempt=attempt, first=0, tokens=[], events=[event])
        )

    def sealed(self, worker: str, ciphertext: bytes = b"c") -> "Play":
        piece = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=ciphertext)
        attempt = self.attempt_of(worker)
        return self.heard(
            worker, Chunk(job=NAME, attempt=attempt, first=0, tokens=[], events=[], sealed=piece)
        )

    def finished(
        self, worker: str, reason: str = "completed", *, answer: int | None = None, kind: str = ""
    ) -> "Play":
        """With a receipt for `answer` tokens, where that is given."""
        refused = Refused(request=REQUEST, kind=kind, message="because") if kind else None
        frame = Finished(
            job=NAME,
            attempt=self.attempt_of(worker),
            reason=reason,  # type: ignore[arg-type]
            refused=refused,
            receipt=b"" if answer is None else b"receipt",
        )
        receipt = None if answer is None else Reported(prompt=10, answer=answer)
        return self.heard(worker, frame, receipt=receipt)

    def counted(self, attempt: int, tokens: int | None, *, prompt: int = 10, differs: str = ""):
        found = (
            None
            if tokens is None
            else Counted(prompt_tokens=prompt, answer_tokens=tokens, differs=differs)
        )
        return self.do(befell.MeasureDone(attempt=attempt, counted=found))

    def attempt_of(self, worker: str) -> int:
        """The number of the last attempt that it had, or of the last of all."""
        of_it = [a.number for a in self.job.attempts if a.placement.worker == worker]
        return of_it[-1] if of_it else len(self.job.attempts) - 1

    # --- what came of it -------------------------------------------------------------------------

    def wanted(self, kind: type[E]) -> list[E]:
        """The effects of that kind, of all happenings."""
        return [effect for effect in self.all if isinstance(effect, kind)]

    @property
    def told(self) -> list[int]:
        """The tokens that the caller got."""
        events = [event for deliver in self.wanted(Deliver) for event in deliver.events]
        return [token for e in events if isinstance(e, Delta) for token in e.token_ids]

    @property
    def end(self) -> End:
        (end,) = self.wanted(End)
        return end

    @property
    def offers(self) -> list[SendOffer]:
        return self.wanted(SendOffer)

    @property
    def searches(self) -> list[FindWorker]:
        return self.wanted(FindWorker)

    def paid(self) -> dict[str, int]:
        """What each account gets or gives by the settlement that the books were asked for."""
        settle = [e.command for e in self.wanted(Book) if isinstance(e.command, Settle)]
        return {str(p.account): p.amount for command in settle for p in command.postings}
