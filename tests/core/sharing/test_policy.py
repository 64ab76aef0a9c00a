"""Laws of the policy: it never flaps, hard reasons win at once, not to know is no permission."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.sharing.facts import Facts, Orders, Unknown
from app.core.sharing.policy import Decision, decide, step
from app.core.sharing.reasons import Reason
from app.core.sharing.rules import LENDING_DWELLS, MEMORY_DWELLS, MIB, Dwell, Rules
from app.core.sharing.signs import Reading, Sign
from app.core.sharing.table import (
    ARRIVES,
    BEGINNING,
    HOLDS,
    SEVERITY,
    TRANSITIONS,
)
from app.core.sharing.table import (
    LENDING as LENDING_ROWS,
)
from app.core.sharing.table import (
    MEMORY as MEMORY_ROWS,
)
from tests.core.sharing.worlds import BLIND, CALM, CARD, GIB, LENDING, facts, rules, stories

SIGNS: tuple[Sign, ...] = ("under", "between", "over")


def told(story: list[tuple[float, Facts]], by: Rules) -> list[tuple[float, Decision]]:
    """The decisions of a story, each with its time."""
    now, decision, told = 0.0, None, []
    for wait, seen in story:
        now += wait
        decision = decide(seen, by, decision, now)
        told.append((now, decision))
    return told


def reasons(decision: Decision) -> tuple[set[Reason], set[Reason]]:
    verdict = decision.verdict
    return (
        {cause.reason for cause in verdict.memory_causes},
        {cause.reason for cause in verdict.lending_causes},
    )


def test_a_calm_machine_keeps_its_models_and_lends() -> None:
    verdict = decide(CALM, LENDING, None, 0.0).verdict

    assert (verdict.memory, verdict.lending) == ("keep", "lend")
    assert not verdict.refuses_loads


def test_every_phase_and_sign_has_its_transition() -> None:
    phases = set(ARRIVES) | HOLDS | {"off"}

    assert set(TRANSITIONS) == set(itertools.product(phases, SIGNS))
    assert set(BEGINNING) == set(SIGNS)
    assert {row.reason for row in MEMORY_ROWS} == set(MEMORY_DWELLS)
    assert {row.reason for row in LENDING_ROWS} == set(LENDING_DWELLS) == set(Reason)


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(SIGNS)), min_size=1, max_size=60))
def test_a_reason_that_began_to_hold_holds_for_its_dwell(story: list[tuple[float, Sign]]) -> None:
    dwell, now, watch = Dwell(3, 10), 0.0, None
    began = ended = -1e9
    for wait, sign in story:
        now += wait
        held = watch is not None and watch.phase in HOLDS
        watch = step(watch, Reading(sign=sign), dwell, now)
        holds = watch.phase in HOLDS
        if holds and not held:
            assert now - ended >= dwell.enter or ended < 0
            began = now
        if held and not holds:
            assert now - began >= dwell.leave
            ended = now


@given(stories, rules)
def test_the_verdict_does_not_flap_faster_than_its_reasons_dwell(
    story: list[tuple[float, Facts]], by: Rules
) -> None:
    patient = replace(
        by,
        lending_dwells=dict.fromkeys(LENDING_DWELLS, Dwell(0, 60)),
        memory_dwells=dict.fromkeys(MEMORY_DWELLS, Dwell(0, 60)),
    )
    stopped_at = 0.0
    for (_, before), (now, after) in itertools.pairwise(told(story, patient)):
        if before.verdict.lending == "lend" != after.verdict.lending:
            stopped_at = now
        if before.verdict.lending != "lend" == after.verdict.lending:
            assert now - stopped_at >= 60


@given(stories, rules)
def test_every_verdict_but_keep_and_lend_has_its_reasons_in_order(
    story: list[tuple[float, Facts]], by: Rules
) -> None:
    for _, decision in told(story, by):
        verdict = decision.verdict
        for action, mildest, causes in (
            (verdict.memory, "keep", verdict.memory_causes),
            (verdict.lending, "lend", verdict.lending_causes),
        ):
            assert (action == mildest) == (not causes)
            ranks = [cause.reason for cause in causes]
            assert ranks == sorted(ranks)
        assert verdict.memory != "keep" or not verdict.refuses_loads


@given(stories, rules)
def test_a_hard_reason_wins_at_once_whatever_was_before(
    story: list[tuple[float, Facts]], by: Rules
) -> None:
    by = replace(by, has_exclusive_list=True)
    now, before = told(story, by)[-1]
    game = replace(story[-1][1], exclusive_programs=("Game",))

    verdict = decide(game, by, before, now + 0.1).verdict

    assert (verdict.memory, verdict.lending) == ("free", "stop")
    assert Reason.EXCLUSIVE_APP_RUNNING in {cause.reason for cause in verdict.memory_causes}


@given(stories, rules)
def test_lending_that_is_off_is_off(story: list[tuple[float, Facts]], by: Rules) -> None:
    off = replace(by, mode="off")

    assert all(decision.verdict.lending == "stop" for _, decision in told(story, off))


UNKNOWNS = {
    "seconds_since_input": Reason.USER_ACTIVE,
    "exclusive_programs": Reason.EXCLUSIVE_APP_RUNNING,
    "on_battery": Reason.BATTERIES,
}


@pytest.mark.parametrize(("fact", "reason"), UNKNOWNS.items())
def test_an_unknown_fact_is_no_permission_to_lend(fact: str, reason: Reason) -> None:
    blind = msgspec_replace(CALM, fact, BLIND)

    verdict = decide(blind, LENDING, None, 0.0).verdict

    assert verdict.lending == "stop"
    assert [(cause.reason, cause.unknown) for cause in verdict.lending_causes] == [
        (reason, BLIND.why)
    ]
    assert verdict.memory == "keep"


def msgspec_replace(base: Facts, fact: str, value: object) -> Facts:
    return replace(base, **{fact: value})


def test_a_game_must_be_visible_by_the_screen_or_by_the_gpu() -> None:
    unseen_use = replace(CALM, gpus=(replace(CARD, others_busy_percent=BLIND),))
    unseen = replace(unseen_use, full_screen=BLIND)

    assert decide(unseen_use, LENDING, None, 0.0).verdict.lending == "lend"
    assert decide(replace(CALM, full_screen=BLIND), LENDING, None, 0.0).verdict.lending == "lend"
    assert decide(unseen, LENDING, None, 0.0).verdict.lending == "stop"


@given(stories, rules, facts)
def test_what_nobody_knows_never_frees_memory_that_the_owner_uses(
    story: list[tuple[float, Facts]], by: Rules, seen: Facts
) -> None:
    blind = [(wait, Facts(orders=Orders(), gpus=())) for wait, _ in story]

    assert all(decision.verdict.memory == "keep" for _, decision in told(blind, by))


@given(stories, rules, facts, st.data())
def test_worse_facts_never_give_a_milder_verdict(
    story: list[tuple[float, Facts]], by: Rules, seen: Facts, data: st.DataObject
) -> None:
    now, before = told(story, by)[-1]
    worse = data.draw(st.sampled_from(_worsened(seen)))

    milder = decide(seen, by, before, now + 1)
    harder = decide(worse, by, before, now + 1)

    for less, more in zip(reasons(milder), reasons(harder), strict=True):
        assert less <= more
    assert SEVERITY[milder.verdict.memory] <= SEVERITY[harder.verdict.memory]
    assert SEVERITY[milder.verdict.lending] <= SEVERITY[harder.verdict.lending]


def _worsened(seen: Facts) -> list[Facts]:
    """The same with one fact that speaks more against lending and keeping."""
    worse = [
        replace(seen, full_screen=True) if seen.full_screen is False else seen,
        replace(seen, exclusive_programs=("Game",)),
        replace(seen, on_battery=True),
        replace(seen, is_metered=True),
        replace(seen, owner_requests=seen.owner_requests + 1),
        replace(seen, lost_gpus=("RTX",)),
    ]
    if not isinstance(seen.seconds_since_input, Unknown):
        worse.append(replace(seen, seconds_since_input=seen.seconds_since_input / 2))
    for index, gpu in enumerate(seen.gpus):
        others = [*seen.gpus]
        others[index] = replace(
            gpu,
            memory_free=0 if not isinstance(gpu.memory_free, Unknown) else gpu.memory_free,
            others_busy_percent=100.0,
            temperature_celsius=110.0,
        )
        worse.append(replace(seen, gpus=tuple(others)))
    return worse


def test_pressure_is_what_others_took_since_our_load_and_not_our_own_tightness() -> None:
    tight = replace(CARD, memory_free=100 * MIB)
    pressed = replace(tight, others_growth_bytes=GIB)

    ours = decide(replace(CALM, gpus=(tight,)), Rules(), None, 0.0)
    theirs = decide(replace(CALM, gpus=(pressed,)), Rules(), None, 0.0)
    unused = decide(replace(CALM, gpus=(replace(pressed, ours_bytes=0),)), Rules(), None, 0.0)

    assert ours.verdict.memory == unused.verdict.memory == "keep"
    assert theirs.verdict.memory == "spare"
    assert not theirs.verdict.refuses_loads


def test_a_full_screen_program_frees_nothing_unless_the_owner_wants_it() -> None:
    film = replace(CALM, full_screen=True)

    assert decide(film, Rules(), None, 0.0).verdict.memory == "keep"
    wanted = decide(film, Rules(frees_on_full_screen=True), None, 0.0).verdict
    assert (wanted.memory, wanted.refuses_loads) == ("spare", True)


def test_an_order_to_free_holds_until_its_time_and_no_longer() -> None:
    ordered = replace(CALM, orders=Orders(held_until=60.0))

    first = decide(ordered, LENDING, None, 0.0)
    last = decide(ordered, LENDING, first, 60.0)

    assert (first.verdict.memory, first.verdict.refuses_loads) == ("free", True)
    assert first.look_again_at == 60.0
    assert last.verdict.memory == "keep"


def test_finish_then_pause_lets_jobs_end_and_snooze_does_not() -> None:
    finishing = replace(CALM, orders=Orders(snoozed_until=60.0, is_finishing=True))
    snoozed = replace(CALM, orders=Orders(snoozed_until=60.0))

    assert decide(finishing, LENDING, None, 0.0).verdict.lending == "finish"
    assert decide(snoozed, LENDING, None, 0.0).verdict.lending == "stop"
    assert decide(snoozed, LENDING, None, 0.0).verdict.memory == "keep"


def test_refusing_loads_is_the_owners_choice() -> None:
    game = replace(CALM, exclusive_programs=("Game",))

    stubborn = decide(game, replace(LENDING, refuses_while_paused=False), None, 0.0).verdict

    assert (stubborn.memory, stubborn.refuses_loads) == ("free", False)


def test_figures_that_move_are_no_news() -> None:
    hot, hotter = (
        replace(CALM, gpus=(replace(CARD, temperature_celsius=celsius),)) for celsius in (90, 91)
    )
    first = decide(hot, LENDING, None, 0.0)

    assert decide(hotter, LENDING, first, 1.0).verdict.says_as(first.verdict)
    assert not decide(CALM, LENDING, first, 1.0).verdict.says_as(first.verdict)
