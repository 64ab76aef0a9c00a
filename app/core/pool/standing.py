"""Standing: which workers get no work for a while, and why; told to them in these words.

Two things, kept apart. A *breaker* for each worker and model opens after failures in a row, whoever
is to blame, and lets a single probe through when its time is over: a model that cannot be loaded
does not eat one job after the other. *Strikes* are for what no honest worker does; they fade, and
enough of them pause the whole device, each time for longer.

Rule: nothing that can befall an honest worker is a strike. A lost network, a returning owner, a
crash or a rejected offer opens a breaker at most. Nor is a sealed answer whose two ends count
differently: who of them is wrong nobody can see, so the smaller count is paid and that is all. And
a model may well write a word in more tokens than it takes; they are not paid, which is enough
against who splits words on purpose.
"""

import math
from typing import Final, Literal, final

import msgspec

from app.core.base.ids import DeviceId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.abuse import Kind
from app.core.pool.jobs.effects import Observe, ObserveCount

FAILURES_TO_OPEN: Final = 3
OPEN_SECONDS: Final = 15.0
OPEN_SECONDS_MAX: Final = 900.0

REST_SECONDS_MAX: Final = 3600.0
"""Of what a machine asks for itself: then it is asked once more."""

FADE_SECONDS: Final = 24 * 3600.0
"""A strike weighs half as much after so long."""
PAUSE_POINTS: Final = 6.0
FORGOTTEN_POINTS: Final = 0.25
"""What weighs less than this is not spoken of any more: half of the lightest strike."""
PAUSE_SECONDS: Final = 3600.0
PAUSE_SECONDS_MAX: Final = 7 * 24 * 3600.0

COUNT_TOLERANCE: Final = 0.02
COUNT_TOLERANCE_TOKENS: Final = 2
"""An answer that was cut within a word may take other tokens than it did."""

Strike = Literal["faulty", "receipt", "differs", "inflated", "stalled", Kind]
"""What was seen at once, and the findings of core/pool/abuse."""

WEIGHTS: Final[dict[Strike, float]] = {
    "faulty": 2.0,
    "receipt": 3.0,
    "differs": 3.0,
    "inflated": 1.5,
    "stalled": 0.5,
    "room": 1.0,
    "speed": 1.0,
    "identical": 1.0,
    "loops": 1.0,
    "endless": 1.0,
}

WORDS: Final[dict[Strike, str]] = {
    "faulty": "chunks that repeated, overlapped or left gaps",
    "receipt": "receipts that do not hold",
    "differs": "answers whose text is not what their tokens say",
    "inflated": "counts above what was delivered",
    "stalled": "accepted jobs that got no further",
    "room": "answers said to be cut for want of room where there was room",
    "speed": "tokens faster than the memory of the GPU can be read",
    "identical": "one answer to many questions of several callers",
    "loops": "answers that run in circles, oftener than other machines' to the same callers",
    "endless": "answers that do not end, oftener than other machines' to the same callers",
}


@final
class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """Of one worker and model."""

    failures: int = 0
    """In a row."""
    open_until: Microseconds | None = None
    is_probing: bool = False
    """One job is let through to see."""


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is held against one worker. `points` are those at `at`; they fade."""

    points: float = 0.0
    at: Microseconds = Microseconds(0)
    counts: dict[str, int] = {}
    """Strike -> how many since the last pause."""
    pauses: int = 0
    paused_until: Microseconds = Microseconds(0)
    reason: str = ""


@final
class Standing:
    """Of all workers of a pool. Strikes outlive a restart by `records` and `restore`."""

    def __init__(self) -> None:
        self._breakers: dict[tuple[DeviceId, str], Breaker] = {}
        self._resting: dict[tuple[DeviceId, str], Microseconds] = {}
        self._records: dict[DeviceId, Record] = {}

    # --- may it get work? ------------------------------------------------------------------------

    def paused(self, worker: DeviceId, now: Microseconds) -> str:
        """Why the worker gets nothing at all, in a sentence; "" when it may."""
        record = self._records.get(worker)
        return record.reason if record is not None and now < record.paused_until else ""

    def held_against(self, worker: DeviceId, now: Microseconds) -> dict[str, int]:
        """What a strike was for, in words -> how many since the last pause, until they faded."""
        record = self._records.get(worker)
        if record is None or faded(record, now).points < FORGOTTEN_POINTS:
            return {}
        return {words: n for one, words in WORDS.items() if (n := record.counts.get(one, 0))}

    def is_open(self, worker: DeviceId, sha256: str, now: Microseconds) -> bool:
        """Whether the breaker keeps jobs of that model away: failing, or a probe is under way."""
        breaker = self._breakers.get((worker, sha256))
        if breaker is None or breaker.open_until is None:
            return False
        return breaker.is_probing or now < breaker.open_until

    def is_resting(self, worker: DeviceId, sha256: str, now: Microseconds) -> bool:
        """Whether it said, when it rejected an offer, that it is not to be asked before."""
        return now < self._resting.get((worker, sha256), Microseconds(0))

    def placed(self, worker: DeviceId, sha256: str) -> None:
        """A job goes there: where the breaker was open, it is the probe."""
        breaker = self._breakers.get((worker, sha256))
        if breaker is not None and breaker.open_until is not None:
            self._breakers[worker, sha256] = msgspec.structs.replace(breaker, is_probing=True)

    # --- what was seen ---------------------------------------------------------------------------

    def observe(self, seen: Observe, now: Microseconds) -> None:
        """An attempt ended."""
        key = (seen.worker, seen.sha256)
        match seen.end:
            case "completed" | "cancelled":
                self._breakers.pop(key, None)
            case "preempted" | "refused":
                self._end_probe(key)
            case "rejected":
                self._end_probe(key)
                self._resting[key] = Microseconds(now + int(_rest(seen) * SECOND))
            case "failed" | "gone" | "stalled" | "faulty":
                self._failed(key, now)
        if seen.end == "faulty":
            self.strike(seen.worker, "receipt" if seen.why == "receipt" else "faulty", now)
        elif seen.end == "stalled" and seen.why != "no_answer":
            self.strike(seen.worker, "stalled", now)

    def contradicted(self, worker: DeviceId, sha256: str, now: Microseconds) -> None:
        """It refused what another answered. Its context or program may be behind: no strike."""
        self._failed((worker, sha256), now)

    def observe_count(self, seen: ObserveCount, now: Microseconds) -> None:
        """An attempt was counted: by the host, and by the worker."""
        if seen.differs:
            self.strike(seen.worker, "differs", now)
        elif seen.reported is not None and exceeds(seen.reported, seen.delivered):
            self.strike(seen.worker, "inflated", now)

    def strike(self, worker: DeviceId, strike: Strike, now: Microseconds) -> None:
        """Something that no honest worker does; enough of it pauses the device."""
        record = faded(self._records.get(worker, Record()), now)
        counts = {**record.counts, strike: record.counts.get(strike, 0) + 1}
        record = msgspec.structs.replace(
            record, points=record.points + WEIGHTS[strike], counts=counts
        )
        if record.points >= PAUSE_POINTS and now >= record.paused_until:
            record = _paused(record, now)
        self._records[worker] = record

    def forgive(self, worker: DeviceId) -> None:
        """The operator looked into it: nothing is held against the worker any more."""
        self._records.pop(worker, None)
        self._breakers = {key: one for key, one in self._breakers.items() if key[0] != worker}

    def gone(self, worker: DeviceId) -> None:
        """Its session ended: no probe is under way there any more."""
        for key in [key for key in self._breakers if key[0] == worker]:
            self._end_probe(key)

    # --- to be kept ------------------------------------------------------------------------------

    def records(self) -> dict[DeviceId, Record]:
        """What is held against whom."""
        return dict(self._records)

    def restore(self, records: dict[DeviceId, Record]) -> None:
        """As `records` gave them before a restart."""
        self._records = dict(records)

    def _end_probe(self, key: tuple[DeviceId, str]) -> None:
        breaker = self._breakers.get(key)
        if breaker is not None:
            self._breakers[key] = msgspec.structs.replace(breaker, is_probing=False)

    def _failed(self, key: tuple[DeviceId, str], now: Microseconds) -> None:
        breaker = self._breakers.get(key, Breaker())
        failures = breaker.failures + 1
        open_until = breaker.open_until
        if failures >= FAILURES_TO_OPEN:
            doubled = OPEN_SECONDS * 2.0 ** min(failures - FAILURES_TO_OPEN, 16)
            open_until = Microseconds(now + int(min(doubled, OPEN_SECONDS_MAX) * SECOND))
        self._breakers[key] = Breaker(failures=failures, open_until=open_until)


def _rest(seen: Observe) -> float:
    """Seconds for which who rejected an offer is not asked; its wish may be any number, or none."""
    wished = seen.retry_after_seconds
    return 1.0 if math.isnan(wished) else min(max(wished, 1.0), REST_SECONDS_MAX)


def exceeds(claimed: int, counted: int) -> bool:
    """Whether a count is above another by more than can be honest."""
    return claimed > counted + max(COUNT_TOLERANCE_TOKENS, int(counted * COUNT_TOLERANCE))


def faded(record: Record, now: Microseconds) -> Record:
    """The record as it weighs now. A clock that went back fades nothing."""
    seconds = max(0, now - record.at) / SECOND
    points = record.points * 0.5 ** (seconds / FADE_SECONDS)
    return msgspec.structs.replace(record, points=points, at=max(now, record.at))


def _paused(record: Record, now: Microseconds) -> Record:
    seconds = min(PAUSE_SECONDS * 2.0 ** min(record.pauses, 16), PAUSE_SECONDS_MAX)
    told = ", ".join(
        f"{count} x {words}"
        for strike, words in WORDS.items()
        if (count := record.counts.get(strike, 0))
    )
    return Record(
        points=0.0,
        at=record.at,
        pauses=record.pauses + 1,
        paused_until=Microseconds(now + int(seconds * SECOND)),
        reason=f"no work for {_length(seconds)}: {told}",
    )


def _length(seconds: float) -> str:
    hours = round(seconds / 3600)
    return "an hour" if hours == 1 else f"{hours} hours"
