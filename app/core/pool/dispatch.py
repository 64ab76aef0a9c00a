"""Dispatch: which worker gets a job, by the milliseconds to its answer; the decision as a value.

    decision = decide(find, workers, speeds=..., standing=..., now=..., draw=...)

Workers that may not do it are left out, each with its reasons. Of the others the one with the least
predicted time to the whole answer is taken: load of the model where it is cold, prefill, and decode
of as many tokens as such answers had. A caller may wish for another order: by the time to the first
token, by what the whole will cost, or by the speed of talking. Own devices come before all others,
since they cost nothing, and those whose context holds the whole answer before those that would cut
it. Among those that are within a tenth of the best the least loaded is taken,
and among equals a draw decides, so that ten requests at once do not all go to the same machine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256 as digest
from typing import Final, assert_never, final

import msgspec

from app.core.base.ids import DeviceId
from app.core.base.units import Microseconds
from app.core.pool.eligibility import (
    Offering,
    Reason,
    reasons_against,
    room_wanted,
    what_would_work,
)
from app.core.pool.jobs.effects import FindWorker
from app.core.pool.jobs.job import Candidate, Placement
from app.core.pool.speeds import Speed, Speeds
from app.core.pool.standing import Standing

NEAR: Final = 0.10
"""Predictions this much above the best are no worse: they are guesses."""
NEAR_MS_MIN: Final = 50.0
SLOWER_WITH_EACH: Final = 0.3
"""A worker that answers n others at once is slower by 1 + 0.3 n: batching shares the weights."""

FIRST_FACTOR: Final = 4.0
"""A first token that takes so many times longer than predicted does not come any more."""
FIRST_SECONDS_MIN: Final = 15.0
FIRST_SECONDS_MAX: Final = 300.0
GAP_TOKENS: Final = 40
"""Without a chunk for the time of so many tokens a worker has stalled."""
GAP_SECONDS_MIN: Final = 10.0
GAP_SECONDS_MAX: Final = 60.0

CONSIDERED_MAX: Final = 5


@final
class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one worker, in milliseconds."""

    worker: DeviceId
    sha256: str
    is_own: bool
    load: float
    """Share of its slots in use, 0 to 1."""
    cold_ms: float
    prompt_ms: float
    answer_ms: float
    token_ms: float
    """For one token of answer, with the others that it answers."""
    cost: int
    """Of prompt and likely answer, in millionths of a micro; own devices cost nothing."""
    has_room: bool
    """Its context holds all of the answer that is wanted."""

    @property
    def first_ms(self) -> float:
        """To the first token."""
        return self.cold_ms + self.prompt_ms

    @property
    def total_ms(self) -> float:
        """To the whole answer."""
        return self.first_ms + self.answer_ms


@final
class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who was asked, who was not and why. Nothing of the request's words is in it."""

    placement: Placement | None
    considered: tuple[Prediction, ...]
    """The best few, the chosen one first."""
    skipped: dict[DeviceId, Reason]
    """Workers that have the model, and the first reason why they did not get the job."""
    would_work: tuple[str, ...]
    """What the caller could change so that somebody can do it; the shortest wait among them."""
    can_wait: bool
    """Somebody may do it as it is, but for a free slot or a moment of rest."""

    def skipped_by_reason(self) -> dict[str, int]:
        """How many workers each reason kept away."""
        return dict(Counter(self.skipped.values()))

    def log_fields(self) -> dict[str, str | int | float]:
        """For one line of the log."""
        fields: dict[str, str | int | float] = {
            f"skipped_{reason}": count for reason, count in self.skipped_by_reason().items()
        }
        for place, one in enumerate(self.considered):
            fields[f"candidate_{place}"] = f"{one.worker[:12]} {one.total_ms:.0f} ms"
        return fields

    @property
    def message(self) -> str:
        """For a caller whose request nobody can do."""
        if not self.skipped:
            return "No machine in the pool offers this model at present."
        reasons = sorted(self.skipped_by_reason().items(), key=lambda item: -item[1])
        told = ", ".join(f"{count} x {reason.replace('_', ' ')}" for reason, count in reasons)
        remedy = "".join(f" {sentence}" for sentence in self.would_work)
        return f"No machine in the pool can take this request ({told}).{remedy}"


def decide(
    find: FindWorker,
    offerings: Iterable[Offering],
    *,
    speeds: Speeds,
    standing: Standing,
    now: Microseconds,
    draw: int,
) -> Decision:
    """Who does it. `offerings`: one for each worker and model; `draw`: any number, by chance."""
    against = [
        (one, candidate, reasons_against(find, one, candidate, standing=standing, now=now))
        for one in offerings
        for candidate in find.request.candidates
        if one.sha256 == candidate.sha256
    ]
    able = [
        predicted(find, one, candidate, _speed(one, speeds))
        for one, candidate, reasons in against
        if not reasons
    ]
    chosen = _choose(find, able, draw)
    passing = PASSING_SOON if find.is_refused else PASSING
    skipped = {one.worker: reasons[0] for one, _, reasons in against if reasons}
    skipped |= {one.worker: "slower" for one in able if one is not chosen}
    if chosen is not None:
        skipped.pop(chosen.worker, None)
    best = sorted(able, key=lambda one: (one is not chosen, one.total_ms))
    by_worker = {(one.worker, one.sha256): one for one, _, _ in against}
    return Decision(
        placement=None
        if chosen is None
        else _placement(by_worker[chosen.worker, chosen.sha256], chosen),
        considered=tuple(best[:CONSIDERED_MAX]),
        skipped=skipped,
        would_work=() if chosen is not None else what_would_work(against),
        can_wait=any(set(reasons) <= passing for _, _, reasons in against),
    )


PASSING: Final = frozenset[Reason]({"no_slot", "resting", "breaker", "not_lending"})
"""Reasons that go away by themselves."""
PASSING_SOON: Final = frozenset[Reason]({"no_slot"})
"""Those for which it is worth to keep a caller waiting who may have made a mistake."""


def predicted(
    find: FindWorker, offering: Offering, candidate: Candidate, speed: Speed
) -> Prediction:
    """Milliseconds to the answer by this worker, as it is loaded now."""
    token_ms = speed.answer_ms * (1 + SLOWER_WITH_EACH * offering.running)
    left = max(1, find.request.expected_tokens - find.answered)
    answer = 0 if find.request.is_embedding else find.answered + left
    is_own = offering.relation == "own"
    return Prediction(
        worker=offering.worker,
        sha256=offering.sha256,
        is_own=is_own,
        load=offering.running / max(1, offering.slots),
        cold_ms=0.0 if offering.is_loaded else speed.load_ms,
        prompt_ms=(candidate.prompt_tokens + find.answered) * speed.prompt_ms,
        answer_ms=0.0 if find.request.is_embedding else left * token_ms,
        token_ms=token_ms,
        cost=0
        if is_own
        else candidate.prices.exactly(prompt=candidate.prompt_tokens, answer=answer),
        has_room=offering.context >= room_wanted(find, candidate),
    )


def wait_seconds(
    offerings: Sequence[Offering], queued: Sequence[FindWorker], speeds: Speeds
) -> float:
    """How long a new request of these models would wait for a slot, in all likelihood."""
    slots = sum(one.slots for one in offerings if one.is_lending)
    if slots == 0:
        return float("inf")
    if any(one.running < one.slots for one in offerings if one.is_lending) and not queued:
        return 0.0
    token_ms = min(_speed(one, speeds).answer_ms for one in offerings)
    ahead = sum(find.request.expected_tokens for find in queued)
    running = sum(one.running for one in offerings) * _MEAN_TOKENS_LEFT
    return (ahead + running) * token_ms / slots / 1000


_MEAN_TOKENS_LEFT: Final = 64
"""Of an answer under way, whose length nobody knows."""


def _speed(offering: Offering, speeds: Speeds) -> Speed:
    is_own = offering.relation == "own"
    return speeds.of(offering.worker, offering.sha256, offering.parameters, is_own=is_own)


def _choose(find: FindWorker, able: list[Prediction], draw: int) -> Prediction | None:
    if not able:
        return None
    able = [one for one in able if one.is_own] or able
    able = [one for one in able if one.has_room] or able
    match find.request.wishes.sort:
        case "price":
            # Between equal costs the shortest way decides, as it does for who wishes nothing.
            cheapest = min(one.cost for one in able)
            near = _near([one for one in able if one.cost == cheapest], lambda one: one.total_ms)
        case "latency":
            near = _near(able, lambda one: one.first_ms)
        case "throughput":
            near = _near(able, lambda one: one.token_ms, least=0.0)
        case None:
            near = _near(able, lambda one: one.total_ms)
        case unknown:
            assert_never(unknown)
    return min(near, key=lambda one: (one.load, _drawn(one.worker, draw)))


def _near(
    able: list[Prediction], ms: Callable[[Prediction], float], *, least: float = NEAR_MS_MIN
) -> list[Prediction]:
    """Those that are no worse than the best, as far as guesses can tell."""
    best = min(map(ms, able))
    limit = best + max(best * NEAR, least)
    return [one for one in able if ms(one) <= limit]


def _drawn(worker: DeviceId, draw: int) -> bytes:
    return digest(f"{draw}/{worker}".encode()).digest()


def _placement(offering: Offering, chosen: Prediction) -> Placement:
    first = chosen.first_ms * FIRST_FACTOR / 1000
    gap = chosen.token_ms * GAP_TOKENS / 1000
    return Placement(
        worker=offering.worker,
        account=offering.account,
        name=offering.name,
        sha256=offering.sha256,
        circle=offering.relation,
        first_seconds=min(max(first, FIRST_SECONDS_MIN), FIRST_SECONDS_MAX),
        gap_seconds=min(max(gap, GAP_SECONDS_MIN), GAP_SECONDS_MAX),
        tokens_per_second=1000 / chosen.token_ms,
        milliseconds=chosen.total_ms,
        context=offering.context,
    )
