"""Job: one request in a pool, from the moment it is asked until nothing is owed for it.

    submitted ─hold─> held ─place─> dispatched ─record─> offered ─accept─> accepted ─speak─> running
                       ^                │ fail              │ fail            │ fail           │
                       └────────────────┴───────────────────┴─────────────────┴──────── fail ──┤
                                                                                               │
    settled, voided, lost <─close─ settling <─count─ counting <─end─ stopping <─stop───────────┘

`TRANSITIONS` is the whole truth of it. `steps.advance(job, happening, now)` gives the job after
a happening and the effects to carry out, in order; host and simulation do nothing else.

Theory. The job keeps the ids of every token that was delivered. Each worker that is asked is one
attempt; an attempt begins at the first token that is not delivered, so the ranges of attempts are
disjoint by construction and their sum is the answer. Only the current attempt may deliver: what an
abandoned one still says is counted for nobody. So nothing is billed twice, whatever comes late.

Rule: a job has one answer. A request for several choices is several jobs.
"""

from collections.abc import Mapping
from typing import Final, Literal, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, Domain, JobId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.settlement import Settlement
from app.core.ledger.work import Reported
from app.core.pool.wishes import RouteWishes
from app.wire.engine import Begun, Delta, Embed, Embedded, Ended, Generate, Part, Progress
from app.wire.message import Private
from app.wire.pool import Circle, Sealed

AnswerEvent = Begun | Progress | Delta | Ended | Embedded
"""What an answer is made of, as the worker's engine said it."""

Phase = Literal[
    "submitted",
    "held",
    "dispatched",
    "offered",
    "accepted",
    "running",
    "stopping",
    "counting",
    "settling",
    "settled",
    "voided",
    "lost",
]

Change = Literal[
    "hold",
    "place",
    "record",
    "accept",
    "speak",
    "fail",
    "stop",
    "end",
    "count",
    "settle",
    "void",
    "lose",
]

OVER: Final[frozenset[Phase]] = frozenset({"settled", "voided", "lost"})
"""Nothing happens to such a job any more, and nothing is held for it."""

UNDER_WAY: Final[frozenset[Phase]] = frozenset(
    {"held", "dispatched", "offered", "accepted", "running", "stopping"}
)
"""The job waits for workers; its hold must not expire meanwhile."""

TRANSITIONS: Final[Mapping[tuple[Phase, Change], Phase]] = {
    ("submitted", "hold"): "held",
    ("submitted", "void"): "voided",  # the balance does not cover the first window
    ("held", "place"): "dispatched",
    ("held", "end"): "counting",  # nobody can do it, or the caller left the queue
    ("dispatched", "record"): "offered",
    ("dispatched", "accept"): "accepted",  # the worker was faster than the books
    ("offered", "accept"): "accepted",
    ("accepted", "record"): "accepted",
    ("accepted", "speak"): "running",
    ("running", "record"): "running",
    ("running", "speak"): "running",
    ("dispatched", "fail"): "held",
    ("offered", "fail"): "held",
    ("accepted", "fail"): "held",
    ("running", "fail"): "held",
    ("dispatched", "stop"): "stopping",
    ("offered", "stop"): "stopping",
    ("accepted", "stop"): "stopping",
    ("running", "stop"): "stopping",
    ("stopping", "record"): "stopping",
    ("stopping", "accept"): "stopping",
    ("stopping", "end"): "counting",
    ("dispatched", "end"): "counting",
    ("offered", "end"): "counting",
    ("accepted", "end"): "counting",
    ("running", "end"): "counting",
    ("counting", "count"): "settling",
    ("settling", "settle"): "settled",
    ("settling", "void"): "voided",
    ("settling", "lose"): "lost",
}


class IllegalTransition(AssertionError):
    """A change that cannot be in this phase: a bug of the machine, never of a peer."""


def follow(phase: Phase, change: Change) -> Phase:
    """The phase after `change`. Raises: IllegalTransition."""
    after = TRANSITIONS.get((phase, change))
    if after is None:
        raise IllegalTransition(f"{change!r} cannot happen to a job that is {phase}")
    return after


AttemptEnd = Literal[
    "completed",  # the answer's end was delivered
    "cancelled",  # told to stop, and stopped
    "preempted",  # the worker's owner returned
    "failed",  # the worker says that it could not
    "refused",  # the worker says that the request cannot be answered
    "rejected",  # the offer was not taken
    "stalled",  # no chunk, or next to none, within its deadline
    "gone",  # the worker's session ended
    "faulty",  # it sent what no honest worker sends
]
"""How an attempt ended, as the host saw it."""

Ending = Literal[
    "completed",
    "length",
    "credit_exhausted",
    "cancelled",
    "interrupted",  # delivered in part, and nobody went on
    "failed",  # workers were asked and none could; nothing was delivered
    "refused",  # the request's own fault
    "unserved",  # nobody could be asked
    "unfunded",  # the balance does not cover the beginning
]
"""How the job ended for its caller."""


@final
class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One content that would do for the model that was asked; the first placement picks one."""

    sha256: str
    prices: Prices
    prompt_tokens: int
    """Counted by the host with the model's own vocabulary; of a sealed job as its caller says."""
    context: int
    """Tokens of prompt and answer together."""
    vocabulary: int = 0
    """Tokens that the model has; 0: not known."""


@final
class JobRequest(Private, frozen=True, kw_only=True):
    """What is asked, by whom, and within which limits. Never changes."""

    job: JobId
    """Unique in the pool for ever: the hold in the books has its name."""
    account: AccountId
    domain: Domain
    model: str
    """As the caller named it."""
    body: Generate | Embed | Sealed
    candidates: tuple[Candidate, ...]
    """Not empty; the hold is for the dearest until one is picked."""
    shares: Shares
    wishes: RouteWishes = RouteWishes()
    cost_max: Micros | None = None
    """Never more is held; a sealed job has one, and all of it is held at once."""
    answers: int = 1
    """Jobs of the same request, it among them: each begins with the least, so that all can."""
    expected_tokens: int = 256
    """Of the answer, by what callers like this one got: core/pool/lengths."""
    accepts_partial: bool = False
    """Keep, and pay, what was delivered when nobody can go on."""
    may_use_own: bool = False
    """The account has devices of its own that could do it for nothing."""
    worker: DeviceId | None = None
    """The only one that may do it: to whom a sealed body is sealed."""
    queue_seconds: float = 60.0
    """How long it waits for a worker before it is given up."""
    commitment_key: bytes = b""
    """Of the payer, for what receipts commit to; passed on and kept nowhere."""

    @property
    def is_sealed(self) -> bool:
        """The host relays what it cannot read, and counts by what both ends say."""
        return isinstance(self.body, Sealed)

    @property
    def is_embedding(self) -> bool:
        """The prompt is all the work."""
        return isinstance(self.body, Embed)


@final
class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where dispatch sends a job next, and what may be expected there."""

    worker: DeviceId
    account: AccountId
    """Who is paid."""
    name: str
    """What the owner calls the machine."""
    sha256: str
    circle: Circle
    """In which the worker stands to the caller; "own" costs nothing."""
    first_seconds: float
    """Deadline for the first token after `Accepted`."""
    gap_seconds: float
    """Deadline from one chunk to the next."""
    tokens_per_second: float
    """Decode speed that is expected, by observation."""
    milliseconds: float
    """Predicted time to the whole answer: for the log."""
    context: int = 0
    """Of the machine, for prompt and answer together; 0: not known."""


@final
class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Canonical counts of one attempt: by the host's own vocabulary, or of a sealed job by its
    caller."""

    prompt_tokens: int
    answer_tokens: int
    differs: str = ""
    """Why the parts that were delivered are not what the tokens give; "" when they are."""


@final
class Attempt(Private, frozen=True, kw_only=True):
    """One worker's part. `first` is the number of its first token in the whole answer."""

    number: int
    placement: Placement
    first: int
    offered_at: Microseconds
    accepted_at: Microseconds | None = None
    spoke_at: Microseconds | None = None
    """First token."""
    heard_at: Microseconds | None = None
    """Last token."""
    is_cold: bool = False
    is_recorded: bool = False
    """In the books, so that its worker is paid even when the host dies."""
    tokens: tuple[int, ...] = ()
    """Delivered: these are its range."""
    parts: tuple[Part, ...] = ()
    """The same as text: what the counting compares with the tokens."""
    told_cached: int | None = None
    """Tokens of prompt that it had in its cache, once it has said that the prompt is read."""
    sealed_bytes: int = 0
    """Delivered of a sealed answer, of which neither is known: at least one a token."""
    undelivered: int = 0
    """Tokens heard after the caller left."""
    end: AttemptEnd | None = None
    why: str = ""
    """Word of core/base/errors or of a fault, where it ended badly."""
    reported: Reported | None = None
    """Of a receipt that was verified."""
    receipt: bytes = b""
    signature: bytes = b""
    is_measuring: bool = False
    """The counting was asked and has not answered."""
    counted: Counted | None = None

    @property
    def stop(self) -> int:
        """Number of the first token after its range."""
        return self.first + len(self.tokens)


@final
class Job(Private, frozen=True, kw_only=True):
    """Where a job stands. Changed by `steps.advance` alone."""

    request: JobRequest
    phase: Phase
    submitted_at: Microseconds
    waiting_since: Microseconds
    """When the phase began, or when the worker last got on: deadlines count from here."""
    candidate: Candidate
    """The picked one, or the dearest while none is."""
    is_picked: bool = False
    """Every later attempt has the same content."""
    held: Micros = Micros(0)
    hold_until: Microseconds = Microseconds(0)
    """When the hold expires unless it is extended."""
    windows: int = 0
    """Holds asked for so far: their number makes the id of the next one."""
    is_asking: bool = False
    """The books have not answered the last one yet."""
    is_free: bool = False
    """Nothing is held: only the account's own devices may do it."""
    is_exhausted: bool = False
    """No more will be held, by the balance or by `cost_max`."""
    attempts: tuple[Attempt, ...] = ()
    avoided: frozenset[DeviceId] = frozenset()
    """Not to be asked again for this job."""
    withheld: tuple[AnswerEvent | Sealed, ...] = ()
    """Heard of the current attempt; not delivered until the attempt is in the books and a hold
    covers it."""
    is_finished: bool = False
    """The worker said that it is done, while events were withheld."""
    has_begun: bool = False
    """`Begun` was delivered."""
    is_whole: bool = False
    """The answer's last event was delivered."""
    is_cut: bool = False
    """It ended at `max_tokens` or at the context's end."""
    has_caller_left: bool = False
    ending: Ending | None = None
    kind: str = ""
    """Word of core/base/errors for the caller, where it ended badly."""
    message: str = ""
    available: Micros | None = None
    """Of the balance, or of what `cost_max` allows, as it was last refused."""
    needed: Micros | None = None
    """What the beginning of the job would have taken."""
    retry_after_seconds: float = 0.0
    hindrance: str = ""
    """Why nobody does it yet, as dispatch last said, for a caller who waits in vain."""
    armed_at: Microseconds | None = None
    """For when the timer was last ordered."""
    caller_counted: Counted | None = None
    settlement: Settlement | None = None
    settle_tries: int = 0
    is_told: bool = False
    """The caller has heard the end."""

    @property
    def delivered(self) -> int:
        """Tokens of answer that were delivered, by all attempts."""
        return self.attempts[-1].stop if self.attempts else 0

    @property
    def current(self) -> Attempt | None:
        """The attempt under way: the only one that may deliver."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.end is None else None

    @property
    def awaits_receipt(self) -> bool:
        """Somebody earned by it who gave no receipt: it may come yet, and wants a verdict."""
        lines = () if self.settlement is None else self.settlement.lines
        both = zip(self.attempts, lines, strict=False)
        return any(line.earned and not attempt.receipt for attempt, line in both)

    @property
    def answer(self) -> tuple[int, ...]:
        """The ids of every token delivered: what the next worker is given as `answered`."""
        return tuple(token for attempt in self.attempts for token in attempt.tokens)

    @property
    def tokens_max(self) -> int:
        """Of the answer: as asked, and as the context has room."""
        room = max(0, self.candidate.context - self.candidate.prompt_tokens)
        asked = self.request.body.max_tokens if isinstance(self.request.body, Generate) else None
        return room if asked is None else min(asked, room)

    def room_of(self, attempt: Attempt, context: int = 0) -> int:
        """Tokens of answer that the attempt had room for in its own machine, whose context is now
        so long; 0: not known. Once a model is loaded there may be room for less than was said."""
        known = [each for each in (attempt.placement.context, context) if each]
        room = min(known, default=self.candidate.context) - self.candidate.prompt_tokens
        return max(0, min(self.tokens_max, room) - attempt.first)
