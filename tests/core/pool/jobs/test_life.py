"""The machine as a whole: the table is followed, nothing waits for ever, nothing can upset it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.base.errors import RequestError
from app.core.base.ids import DeviceId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.commands import EventId, Settle
from app.core.ledger.result import Outcome, Result
from app.core.ledger.work import Reported
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.deadlines import due_at
from app.core.pool.jobs.effects import ArmTimer, Book, Countersign, End, Record
from app.core.pool.jobs.job import OVER, TRANSITIONS, Counted, Placement
from app.core.pool.jobs.rules import RULES
from app.core.pool.jobs.steps import advance, submit
from app.wire.engine import Completed, Delta, Ended, Generate, Refused, Said, Timings, Usage
from app.wire.pool import Accepted, Chunk, Finished, Rejected
from tests.core.pool.jobs.play import (
    NAME,
    REQUEST,
    SHA256,
    START,
    Play,
    body,
    candidate,
    request,
)

WORKERS = [DeviceId(name) for name in "abc"]


def test_every_phase_is_reached_and_every_one_but_the_last_is_left() -> None:
    phases = {phase for phase, _ in TRANSITIONS} | set(TRANSITIONS.values())

    assert {phase for phase, _ in TRANSITIONS} == phases - OVER
    assert set(TRANSITIONS.values()) == phases - {"submitted"}


def test_no_phase_that_waits_for_others_waits_for_ever() -> None:
    job = Play().granted()
    waiting = [job.job]
    waiting.append(job.placed("a").job)
    waiting.append(job.recorded().job)
    waiting.append(job.accepted("a").job)
    waiting.append(job.chunk("a", [1]).job)
    waiting.append(job.do(befell.CallerLeft()).job)
    waiting.append(job.finished("a", "cancelled", answer=1).job)

    phases = [one.phase for one in waiting]
    assert phases == [
        "held",
        "dispatched",
        "offered",
        "accepted",
        "running",
        "stopping",
        "counting",
    ]
    assert all(due_at(one, RULES) is not None for one in waiting)


def test_a_job_in_line_is_given_up_when_its_patience_is_over() -> None:
    job = Play(queue_seconds=30.0).granted().do(befell.Tick(), after_seconds=30.0).settled()

    assert (job.end.ending, job.end.kind) == ("unserved", "unserved")


def test_who_waited_in_vain_is_told_what_stood_in_the_way() -> None:
    job = Play(queue_seconds=30.0).granted()
    for message in ("All are busy.", "1 x trust."):
        job.do(befell.Unplaceable(message=message, is_waiting=True))
        assert job.job.phase == "held"

    job.do(befell.Tick(), after_seconds=30.0).settled()

    assert job.end.message == "Nobody in the pool could take this request in time. 1 x trust."


def test_a_clock_that_goes_back_does_not_make_a_job_wait_for_it() -> None:
    job = Play().granted().running("a")

    job.do(befell.Tick(), after_seconds=-3600.0).do(befell.Tick(), after_seconds=11.0)

    assert job.job.phase == "held"


def test_nothing_is_delivered_before_its_attempt_is_in_the_books() -> None:
    job = Play().granted().placed("a").accepted("a").chunk("a", [1, 2])
    assert job.told == []

    job.recorded()

    assert job.told == [1, 2]


def test_when_the_books_cannot_be_written_nothing_is_delivered_and_nothing_charged() -> None:
    job = Play().granted().placed("a").accepted("a").chunk("a", [1])
    record = job.wanted(Record)[-1]

    job.do(befell.BooksFailed(command=record.id)).finished("a", "cancelled").settled()

    assert (job.told, job.end.cost, job.end.kind) == ([], 0, "busy")


def test_a_settlement_that_cannot_be_written_is_tried_again_and_the_caller_told_meanwhile() -> None:
    job = Play().granted().running("a").chunk("a", [1], end="stop").finished("a", answer=1)
    job.counted(0, 1)
    command = job.command()

    for _ in range(2):
        job.do(befell.BooksFailed(command=command.id)).do(befell.Tick(), after_seconds=2.0)

    assert job.end.cost is None and job.job.phase == "settling"
    again = job.command()
    assert isinstance(command, Settle) and isinstance(again, Settle)
    assert (again.id, again.postings) == (command.id, command.postings)
    job.settled()
    assert job.job.phase == "settled"
    assert [end.cost for end in job.wanted(End)] == [None, 10 + 2], "and once more with its cost"


def test_a_settlement_that_the_books_refuse_was_paid_by_nobody_and_earned_nobody_anything() -> None:
    job = Play().granted().running("a").chunk("a", [1], end="stop").finished("a", answer=1)
    job.counted(0, 1)

    refused = Outcome(Result.HOLD_EXPIRED, Micros(0))
    job.do(befell.Booked(command=job.command().id, outcome=refused))

    assert job.end.cost == 0
    assert [effect.line.earned for effect in job.wanted(Countersign)] == [0]


def test_a_name_that_was_used_before_is_refused() -> None:
    job = Play()
    known = Outcome(Result.EXISTS, Micros(1))

    job.do(befell.Booked(command=job.command().id, outcome=known))

    assert (job.end.ending, job.end.kind) == ("refused", "request_conflict")


def test_what_comes_twice_counts_once() -> None:
    job = Play().granted().running("a").chunk("a", list(range(128)))
    command = job.command()
    done = befell.Booked(command=command.id, outcome=Outcome(Result.DONE, Micros(512)))

    held = job.do(done).job.held

    assert job.do(done).job.held == held


def test_a_counting_that_never_answers_leaves_the_ids_as_the_count() -> None:
    job = Play().granted().running("a").chunk("a", [1, 2], end="stop").finished("a", answer=2)

    job.do(befell.Tick(), after_seconds=30.0).settled()

    assert job.end.cost == 10 + 2 * 2


# --- whatever comes, in whatever order -----------------------------------------------------------

_attempts = st.integers(0, 3)
_workers = st.sampled_from(WORKERS)
_firsts = st.integers(-1, 6)
_tokens = st.lists(st.integers(1, 9), max_size=3)


@st.composite
def _chunks(draw: st.DrawFn) -> Chunk:
    tokens = draw(_tokens)
    events: list[Delta | Ended] = []
    if tokens:
        said = [Said(text="x")]
        events.append(
            Delta(request=REQUEST, choice=0, parts=said, tokens=len(tokens), token_ids=tokens)
        )
    if draw(st.booleans()):
        events.append(Ended(request=REQUEST, choice=0, reason="stop"))
    return Chunk(
        job=NAME, attempt=draw(_attempts), first=draw(_firsts), tokens=tokens, events=events
    )


@st.composite
def _finished(draw: st.DrawFn) -> Finished:
    completed = Completed(
        request=REQUEST,
        usage=Usage(prompt=1, cached=0, completion=1),
        timings=Timings(queue_ms=0, prompt_ms=0, decode_ms=0),
    )
    kind = draw(st.sampled_from(["template_error", "engine_failed", "busy"]))
    return Finished(
        job=NAME,
        attempt=draw(_attempts),
        reason=draw(st.sampled_from(["completed", "cancelled", "preempted", "failed", "refused"])),
        completed=completed,
        refused=Refused(request=REQUEST, kind=kind, message="no"),
    )


def _placements() -> st.SearchStrategy[befell.Placed]:
    def placed(worker: DeviceId) -> befell.Placed:
        return befell.Placed(
            placement=Placement(
                worker=worker,
                account=f"owner of {worker}",  # type: ignore[arg-type]
                name=worker,
                sha256=SHA256,
                circle="anyone",
                first_seconds=10.0,
                gap_seconds=5.0,
                tokens_per_second=3.0,
                milliseconds=1.0,
            )
        )

    return _workers.map(placed)


_ids = st.sampled_from(
    ["job/j1", "job/j1/1", "job/j1/2", "job/j1/end", "job/j1/attempt/0", "job/j1/attempt/1"]
).map(EventId)
_outcomes = st.builds(
    Outcome,
    st.sampled_from([Result.DONE, Result.INSUFFICIENT_CREDITS, Result.HOLD_EXPIRED]),
    st.integers(0, 600).map(Micros),
    st.integers(0, 50).map(Micros),
)
_receipts = st.none() | st.builds(Reported, prompt=st.integers(0, 20), answer=st.integers(0, 9))
_counts = st.none() | st.builds(Counted, prompt_tokens=st.integers(0, 20),
                                answer_tokens=st.integers(0, 9))  # fmt: skip
_happenings = st.one_of(
    st.builds(befell.Heard, worker=_workers, frame=_chunks()),
    st.builds(befell.Heard, worker=_workers, frame=_chunks()),
    st.builds(befell.Heard, worker=_workers, frame=_finished(), receipt=_receipts),
    st.builds(
        befell.Heard,
        worker=_workers,
        frame=st.builds(Accepted, job=st.just(NAME), attempt=_attempts),
    ),
    st.builds(
        befell.Heard,
        worker=_workers,
        frame=st.builds(Rejected, job=st.just(NAME), attempt=_attempts, code=st.just("no_slot")),
    ),
    _placements(),
    _placements(),
    st.builds(befell.Booked, command=_ids, outcome=_outcomes),
    st.builds(befell.BooksFailed, command=_ids),
    st.builds(befell.Recorded, command=_ids),
    st.builds(befell.WorkerGone, worker=_workers),
    st.builds(befell.MeasureDone, attempt=_attempts, counted=_counts),
    st.just(befell.CallerLeft()),
    st.just(befell.HostStopping()),
    st.builds(befell.Unplaceable, message=st.just("nobody"), is_waiting=st.booleans()),
    st.just(befell.Tick()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_happenings, st.integers(-5, 40)), max_size=40))
def test_whatever_befalls_a_job_it_ends_once_and_its_ranges_are_disjoint(
    story: list[tuple[befell.Happening, int]],
) -> None:
    now = START
    job, effects = submit(request(), now)
    wanted = [*effects]
    reserved = befell.Booked(command=EventId("job/j1"), outcome=Outcome(Result.DONE, Micros(300)))
    for happening, seconds in [(reserved, 0), *story]:
        now = Microseconds(now + seconds * SECOND)
        job, effects = advance(job, happening, now)
        wanted += effects
        end = 0
        for attempt in job.attempts:
            assert attempt.first == end
            end = attempt.stop
        assert (job.phase in OVER) == any(isinstance(e, End) and e.cost is not None for e in wanted)

    assert sum(isinstance(e, End) and e.cost is not None for e in wanted) <= 1
    ids = [e.command.id for e in wanted if isinstance(e, Book)]
    assert len({one for one in ids if not one.endswith("/end")}) == len(
        [one for one in ids if not one.endswith("/end")]
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(_happenings, max_size=25))
def test_time_alone_brings_every_job_to_its_end(story: list[befell.Happening]) -> None:
    now = START
    job, effects = submit(request(), now)
    for happening in story:
        job, more = advance(job, happening, now)
        effects += more
    for _ in range(80):
        asked = [effect for effect in effects if isinstance(effect, Book)]
        effects = []
        for effect in asked:
            outcome = Outcome(Result.DONE, getattr(effect.command, "amount", Micros(0)))
            done = befell.Booked(command=effect.command.id, outcome=outcome)
            job, more = advance(job, done, now)
            effects += more
        now = Microseconds(max(now + SECOND, due_at(job, RULES) or 0))
        job, more = advance(job, befell.Tick(), now)
        effects += more

    assert job.phase in OVER


def test_a_timer_is_ordered_for_every_deadline() -> None:
    job = Play().granted()

    assert job.wanted(ArmTimer)[-1].at == START + 60 * SECOND


@pytest.mark.parametrize(
    ("asked", "field", "why"),
    [({"choices": 2}, "n", "one answer"), ({"max_tokens": 0}, "max_tokens", "one token at least")],
)
def test_a_job_of_no_or_several_answers_is_refused_by_its_field(
    asked: dict[str, int], field: str, why: str
) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        Play(body=msgspec.structs.replace(body(), **asked))

    assert refused.value.field == field


@pytest.mark.parametrize(("context", "most"), [(100, None), (8192, 90)])
def test_a_machine_with_a_longer_context_than_the_job_has_is_told_where_to_stop(
    context: int, most: int | None
) -> None:
    job = Play(candidates=(candidate(prompt=10, context=100),)).granted()

    job.placed("a", context=context)

    offered = job.offers[-1].offer.body
    assert isinstance(offered, Generate) and offered.max_tokens == most


def test_an_attempt_has_the_room_that_its_own_machine_has() -> None:
    job = Play(candidates=(candidate(prompt=10, context=4096),)).granted()
    job.placed("small", context=100).recorded().accepted("small").chunk("small", [1, 2])
    job.do(befell.WorkerGone(worker="small")).placed("unknown")

    rooms = [job.job.room_of(attempt) for attempt in job.job.attempts]
    assert rooms == [90, 4096 - 10 - 2]
    assert job.job.room_of(job.job.attempts[0], 80) == 70, "it was loaded with less"
