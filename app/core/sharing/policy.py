"""Policy: from facts, rules and what was decided before, what becomes of GPU memory and lending.

    decision = decide(facts, rules, before, now)

Two verdicts by the same means: a table of reasons, each with its own small memory (a phase and
since when). No verdict but "keep" and "lend" comes without a reason.

Laws, held by tests: a reason that began to hold holds for its dwell at least; one without a dwell
to enter holds at once; worse facts never give a milder verdict; unknown facts are never permission
where signs.py says so.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast, final

import msgspec

from app.core.sharing.facts import Facts
from app.core.sharing.reasons import Cause
from app.core.sharing.rules import Dwell, Rules
from app.core.sharing.signs import Reading
from app.core.sharing.table import (
    ARRIVES,
    BEGINNING,
    HOLDS,
    LENDING,
    MEMORY,
    SEVERITY,
    TRANSITIONS,
    LendingAction,
    MemoryAction,
    Phase,
    Row,
)


class Watch(NamedTuple):
    """A reason's phase, since when, and since when it holds."""

    phase: Phase
    since: float
    held_since: float


@final
class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done now, and why. Causes are in the order of their reasons."""

    memory: MemoryAction = "keep"
    memory_causes: tuple[Cause, ...] = ()
    refuses_loads: bool = False
    """A request that needs a model which is not loaded is refused, with these causes."""
    lending: LendingAction = "stop"
    lending_causes: tuple[Cause, ...] = ()

    def says_as(self, other: "Verdict") -> bool:
        """Whether both mean the same to a reader: figures that move all the time apart."""
        return _gist(self) == _gist(other)


@final
class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, with what the next decision must remember."""

    verdict: Verdict
    memory_watches: tuple[Watch, ...]
    lending_watches: tuple[Watch, ...]
    """One a row of the table, in its order."""
    look_again_at: float | None
    """When time alone may change the verdict; None when only a fact can."""


def decide(facts: Facts, rules: Rules, before: Decision | None, now: float) -> Decision:
    """The verdicts at `now`. `before` is the last decision, None for the first."""
    memory = [
        _Weighed(row, row.read(facts, rules, now), rules.memory_dwells[row.reason])
        for row in MEMORY
    ]
    lending = [
        _Weighed(row, row.read(facts, rules, now), rules.lending_dwells[row.reason])
        for row in LENDING
    ]
    _step_all(memory, before.memory_watches if before else (), now)
    _step_all(lending, before.lending_watches if before else (), now)
    verdict = Verdict(
        memory=cast("MemoryAction", _most(memory, "keep")),  # rows of MEMORY do nothing else
        memory_causes=_causes(memory),
        refuses_loads=rules.refuses_while_paused
        and any(each.row.refuses_loads for each in memory if each.holds),
        lending=cast("LendingAction", _most(lending, "lend")),
        lending_causes=_causes(lending),
    )
    times = (each.changes_at for each in (*memory, *lending))
    return Decision(
        verdict=verdict,
        memory_watches=tuple(each.watch for each in memory),
        lending_watches=tuple(each.watch for each in lending),
        look_again_at=min((time for time in times if time is not None), default=None),
    )


_UNSEEN: Final = Watch("off", 0.0, 0.0)


@dataclass(slots=True)
class _Weighed:
    """A row with what it reads and what comes of it."""

    row: Row
    reading: Reading
    dwell: Dwell
    watch: Watch = _UNSEEN
    changes_at: float | None = None
    """When its phase ends, or its condition by itself."""

    @property
    def holds(self) -> bool:
        return self.watch.phase in HOLDS


def _step_all(weighed: Sequence[_Weighed], before: Sequence[Watch], now: float) -> None:
    for each, watch in itertools.zip_longest(weighed, before):
        each.watch = step(watch, each.reading, each.dwell, now)
        if each.watch.phase in ARRIVES:
            each.changes_at = each.watch.since + _dwell_of(each.watch.phase, each.dwell)
        elif each.reading.seconds_left is not None:
            each.changes_at = now + each.reading.seconds_left


def step(watch: Watch | None, reading: Reading, dwell: Dwell, now: float) -> Watch:
    """The watch after one reading."""
    if watch is None:
        return Watch(BEGINNING[reading.sign], now, now)
    phase = TRANSITIONS[watch.phase, reading.sign]
    since = watch.since if phase == watch.phase else now
    if phase in ARRIVES and now - since >= _dwell_of(phase, dwell):
        phase, since = ARRIVES[phase], now
    held = watch.held_since if watch.phase in HOLDS else now
    return Watch(phase, since, held)


def _dwell_of(phase: Phase, dwell: Dwell) -> float:
    return dwell.enter if phase == "rising" else dwell.leave


def _most(weighed: Sequence[_Weighed], mildest: str) -> str:
    actions = [each.row.does for each in weighed if each.holds]
    return max(actions, key=lambda action: SEVERITY[action], default=mildest)


def _causes(weighed: Sequence[_Weighed]) -> tuple[Cause, ...]:
    return tuple(_cause(each) for each in weighed if each.holds)


def _cause(each: _Weighed) -> Cause:
    ends = each.changes_at
    is_over = each.watch.phase == "falling"
    if ends is not None and not is_over:
        ends += each.dwell.leave
    return Cause(
        reason=each.row.reason,
        since=each.watch.held_since,
        detail=each.reading.detail,
        unknown=each.reading.unknown,
        is_over=is_over,
        lasts_seconds=each.dwell.leave,
        resumes_at=ends,
    )


def _gist(verdict: Verdict) -> tuple[object, ...]:
    causes = (*verdict.memory_causes, None, *verdict.lending_causes)
    return (
        verdict.memory,
        verdict.lending,
        verdict.refuses_loads,
        [cause and cause.gist for cause in causes],
    )
