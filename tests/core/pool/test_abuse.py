"""Laws of accusing machines: cheats are found, and honest machines are not."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.pool.abuse import (
    LOOP_TOKENS,
    Kind,
    Watch,
    Work,
    loops,
    tokens_per_second_max,
)
from app.core.pool.rates import Tally, chance

GIB = 2**30


def work(device: int = 0, payer: int = 0, **given_: object) -> Work:
    """Honest work of a machine for a caller, but for what is given."""
    made = Work(
        device=DeviceId(f"{device:064}"),
        owner=AccountId(f"owner {device}"),
        payer=AccountId(f"payer {payer}"),
        job=JobId("j"),
        sha256="m",
        tokens=200,
        room=1000,
        seconds=4.0,
        gpu_memory_bytes=24 * GIB,
        active_bytes=5 * GIB,
    )
    return replace(made, **given_)


def kinds(watch: Watch, *several: Work) -> list[Kind]:
    return [finding.kind for one in several for finding in watch.observe(one)]


@pytest.mark.parametrize(
    ("given_", "kind"),
    [
        ({"ended_for_room": True, "tokens": 200, "room": 1000}, "room"),
        ({"seconds": 0.01}, "speed"),
        ({"gpu_memory_bytes": 0, "seconds": 0.01}, "speed"),
        ({"gpu_memory_bytes": 2**62, "tokens": 2000, "seconds": 0.001}, "speed"),
    ],
)
def test_what_one_attempt_shows_is_a_finding_with_its_numbers(
    given_: dict[str, object], kind: Kind
) -> None:
    (finding,) = Watch().observe(work(**given_))

    assert finding.kind == kind
    assert (finding.device, finding.job) == (work().device, "j")
    assert len(finding.reason.split()) > 5


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"ended_for_room": True, "tokens": 1000},
        {"ended_for_room": True, "room": None},
        {"seconds": 0.0},
        {"seconds": 0.01, "active_bytes": 0},
        {"seconds": 0.01, "tokens": 20},
    ],
)
def test_what_an_honest_machine_may_do_is_no_finding(given_: dict[str, object]) -> None:
    assert Watch().observe(work(**given_)) == []


def test_whoever_serves_oneself_cheats_nobody() -> None:
    own = replace(work(seconds=0.001), payer=AccountId("owner 0"))

    assert Watch().observe(own) == []


@pytest.mark.parametrize(
    ("gigabytes", "bandwidth"),
    [(24, 1008), (24, 936), (10, 760), (8, 608), (32, 1792), (80, 3350), (141, 4800), (192, 8000)],
)
def test_no_card_on_the_market_reaches_the_limit_of_speed(gigabytes: int, bandwidth: int) -> None:
    weights = 4 * 10**9

    limit = tokens_per_second_max(gigabytes * 10**9, weights)

    assert limit is not None and limit > bandwidth * 10**9 / weights


def answered(device: int, payer: int, prompt: int, answer: str = "canned") -> Work:
    return work(device, payer, prompt_sketch=str(prompt).encode(), answer_sketch=answer.encode())


def test_one_answer_to_many_questions_of_several_callers_is_found_once() -> None:
    watch = Watch()

    found = kinds(watch, *(answered(0, n % 2, n) for n in range(30)))

    assert found == ["identical"]


def test_one_caller_who_gets_one_answer_to_many_questions_accuses_nobody() -> None:
    assert kinds(Watch(), *(answered(0, 7, n) for n in range(100))) == []


def test_the_same_question_may_have_the_same_answer() -> None:
    assert kinds(Watch(), *(answered(0, n, 1) for n in range(100))) == []


def test_an_answer_that_other_machines_give_too_is_the_model_s_own() -> None:
    watch = Watch()
    shared = [answered(n % 2, n % 3, n) for n in range(100)]

    assert kinds(watch, *shared) == []


def test_two_machines_of_one_owner_do_not_vouch_for_each_other() -> None:
    watch = Watch()
    several = [replace(answered(n % 2, n % 3, n), owner=AccountId("o")) for n in range(40)]

    assert set(kinds(watch, *several)) == {"identical"}


@given(st.lists(st.integers(0, 3), max_size=LOOP_TOKENS - 1))
def test_a_short_answer_loops_never(tokens: list[int]) -> None:
    assert not loops(tokens)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=32), st.lists(st.integers(0, 50)))
def test_an_answer_that_ends_in_a_short_piece_again_and_again_loops(
    piece: list[int], before: list[int]
) -> None:
    assert loops(before + piece * LOOP_TOKENS)
    assert loops((before + piece * LOOP_TOKENS + piece[:1])[-LOOP_TOKENS:])


def test_an_answer_without_repetition_does_not_loop() -> None:
    assert not loops(list(range(1000)))


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_the_bound_on_chance_is_never_below_the_true_chance(
    seen: int, expected: float, data: st.DataObject
) -> None:
    odd = data.draw(st.integers(0, seen))
    true = sum(
        math.comb(seen, k) * expected**k * (1 - expected) ** (seen - k)
        for k in range(odd, seen + 1)
    )

    assert chance(odd, seen, expected) >= true * (1 - 1e-9)


@given(st.lists(st.booleans(), max_size=300), st.integers(2, 50))
def test_a_tally_stays_within_its_size_and_odd_within_seen(odds: list[bool], most: int) -> None:
    tally = Tally()
    for is_odd in odds:
        tally = tally.with_one(is_odd=is_odd, most=most)

    assert 0 <= tally.odd <= tally.seen <= most


@pytest.mark.parametrize("kind", ["loops", "endless"])
def test_a_machine_whose_answers_are_worse_than_the_others_is_found(kind: Kind) -> None:
    chance_, watch, found = random.Random(1), Watch(), []
    for number in range(2000):
        device, payer = number % 4, chance_.randrange(5)
        is_odd = chance_.random() < (0.9 if device == 0 else 0.05)
        findings = watch.observe(_odd(kind, device, payer, is_odd=is_odd))
        found += [(each.device, each.kind) for each in findings]

    assert found and set(found) == {(DeviceId(f"{0:064}"), kind)}


def test_without_others_to_compare_with_nobody_is_accused_by_rates() -> None:
    watch = Watch()

    assert kinds(watch, *(_odd("loops", 0, 0, is_odd=True) for _ in range(2000))) == []


def _odd(kind: Kind, device: int, payer: int, *, is_odd: bool) -> Work:
    if kind == "loops":
        return work(device, payer, is_looping=is_odd)
    room = 200 if is_odd else 1000
    return work(device, payer, ended_for_room=is_odd, room=max(room, 256),
                tokens=256 if is_odd else 200)  # fmt: skip


def test_honest_machines_are_accused_less_than_once_in_ten_thousand_looks() -> None:
    """Callers differ wildly, machines do not: nothing they do may look like a machine's fault."""
    looks = found = 0
    for seed in range(20):
        chance_ = random.Random(seed)
        watch = Watch()
        looping = [chance_.random() ** 3 for _ in range(12)]
        endless = [chance_.random() for _ in range(12)]
        templated = [chance_.random() < 0.5 for _ in range(12)]
        for number in range(3000):
            # Machines have callers that they see more of than others do, as caches make it so.
            device = chance_.randrange(6)
            payer = device * 2 if chance_.random() < 0.5 else chance_.randrange(12)
            tokens = chance_.randrange(20, 900)
            is_endless = chance_.random() < endless[payer]
            honest = work(
                device, payer,
                tokens=tokens,
                room=tokens if is_endless else tokens + chance_.randrange(1, 4000),
                ended_for_room=is_endless,
                seconds=tokens / chance_.uniform(5, 400),
                is_looping=tokens >= LOOP_TOKENS and chance_.random() < looping[payer],
                prompt_sketch=str(number).encode(),
                answer_sketch=f"{payer if templated[payer] else number}".encode(),
            )  # fmt: skip
            looks += 1
            found += len(watch.observe(honest))

    assert looks == 60_000
    assert found / looks < 1e-4


def test_memory_stays_bounded_whoever_comes() -> None:
    watch = Watch()
    for number in range(5000):
        watch.observe(answered(number, number, number, f"answer {number}"))

    held = len(watch._machines), *(len(tally) for tally in watch._tallies.values())
    assert max(held) <= 2000
