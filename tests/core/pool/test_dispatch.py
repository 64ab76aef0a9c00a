"""Dispatch: the shortest way to the answer, by what was seen; and why the others were not asked."""

import msgspec
import pytest

from app.core.base.units import Micros
from app.core.ledger.pricing import Prices
from app.core.pool.dispatch import wait_seconds
from app.core.pool.jobs.job import Candidate
from app.core.pool.wishes import RouteWishes
from app.wire.pool import Sealed
from tests.core.pool.choosing import Pool, find, offering, seen
from tests.core.pool.jobs.play import SHA256, body, candidate, embedding

OTHER = "cd" * 32


def test_the_machine_that_was_seen_to_be_faster_gets_the_job() -> None:
    pool = Pool(offering("slow"), offering("fast"))
    pool.observe(seen("slow", decode_milliseconds=9000.0), times=5)
    pool.observe(seen("fast", decode_milliseconds=500.0), times=5)

    assert {pool.worker(find(), draw) for draw in range(20)} == {"fast"}


def test_a_machine_that_has_the_model_in_memory_goes_before_one_that_loads_it() -> None:
    pool = Pool(offering("cold", is_loaded=False), offering("warm"))

    assert pool.worker(find()) == "warm"


def test_a_fast_machine_that_is_busy_loses_to_a_slower_one_that_is_not() -> None:
    pool = Pool(offering("fast", running=3), offering("slow"))
    pool.observe(seen("fast", decode_milliseconds=1000.0), times=9)
    pool.observe(seen("slow", decode_milliseconds=1300.0), times=9)

    assert pool.worker(find()) == "slow"


def test_the_length_of_the_answer_decides_between_reading_and_talking_fast() -> None:
    pool = Pool(offering("reader"), offering("talker"))
    pool.observe(seen("reader", first_milliseconds=10.0, decode_milliseconds=2000.0), times=9)
    pool.observe(seen("talker", first_milliseconds=1000.0, decode_milliseconds=500.0), times=9)
    long_prompt = (candidate(prompt=2000, context=10_000),)
    pool.offerings = [offering("reader", context=10_000), offering("talker", context=10_000)]

    assert pool.worker(find(candidates=long_prompt, expected_tokens=10)) == "reader"
    assert pool.worker(find(expected_tokens=2000)) == "talker"


def test_max_tokens_is_not_taken_for_the_length() -> None:
    pool = Pool(offering("reader"), offering("talker"))
    pool.observe(seen("reader", first_milliseconds=10.0, decode_milliseconds=2000.0), times=9)
    pool.observe(seen("talker", first_milliseconds=4000.0, decode_milliseconds=500.0), times=9)

    job = find(body=body(max_tokens=4000), expected_tokens=10)

    assert pool.worker(job) == "reader"


def test_equals_share_the_jobs_by_the_draw_and_the_same_draw_decides_the_same() -> None:
    pool = Pool(*(offering(name) for name in "abcd"))

    chosen = [pool.worker(find(), draw) for draw in range(200)]

    assert chosen == [pool.worker(find(), draw) for draw in range(200)]
    assert min(chosen.count(name) for name in "abcd") > 20


def test_among_near_equals_the_least_loaded_goes_first() -> None:
    pool = Pool(offering("a", running=1, slots=8), offering("b", running=1, slots=2))

    assert {pool.worker(find(), draw) for draw in range(20)} == {"a"}


def test_own_devices_come_before_all_others() -> None:
    pool = Pool(offering("fast"), offering("mine", relation="own", is_loaded=False))
    pool.observe(seen("fast", decode_milliseconds=10.0), times=9)

    assert pool.worker(find()) == "mine"


def test_a_machine_that_answers_itself_at_once_looks_no_faster_to_others() -> None:
    pool = Pool(offering("plain"), offering("washer"))
    pool.observe(seen("plain"), times=5)
    pool.observe(seen("washer", decode_milliseconds=9000.0), times=5)

    pool.observe(seen("washer", is_own=True, decode_milliseconds=1.0), times=100)

    assert {pool.worker(find(), draw) for draw in range(20)} == {"plain"}
    assert pool.speeds.of("washer", SHA256, 10**9, is_own=True).answer_ms < 1.0


def test_the_cheapest_content_goes_first_for_whoever_wishes_it() -> None:
    dear = candidate(OTHER)
    cheap = candidate(SHA256)
    dear = type(dear)(
        sha256=OTHER,
        prices=type(dear.prices)(input=Micros(9), cached_input=Micros(9), output=Micros(10**9)),
        prompt_tokens=10,
        context=4096,
    )
    pool = Pool(offering("fast", sha256=OTHER), offering("slow"))
    pool.observe(seen("fast", sha256=OTHER, decode_milliseconds=10.0), times=9)
    job = {"candidates": (dear, cheap)}

    assert pool.worker(find(**job)) == "fast"
    assert pool.worker(find(**job, wishes=RouteWishes(sort="price"))) == "slow"


# Micros for a million tokens: dear to read and cheap to answer, and the other way round.
READS_DEAR = Prices(input=Micros(9_000_000), cached_input=Micros(0), output=Micros(1_000_000))
TALKS_DEAR = Prices(input=Micros(1_000_000), cached_input=Micros(0), output=Micros(3_000_000))


@pytest.mark.parametrize(
    ("prompt", "expected", "cheaper"),
    [
        (1000, 50, "talks dear"),  # 9.05 against 1.15
        (10, 500, "reads dear"),  # 0.59 against 1.51
        (100, 400, "talks dear"),  # 1.30 each: then the faster one
        (100, 401, "reads dear"),
        (101, 400, "talks dear"),
    ],
)
def test_the_price_is_that_of_this_prompt_and_the_answer_to_be_expected(
    prompt: int, expected: int, cheaper: str
) -> None:
    contents = [
        Candidate(sha256=sha256, prices=prices, prompt_tokens=prompt, context=4096)
        for sha256, prices in ((SHA256, READS_DEAR), (OTHER, TALKS_DEAR))
    ]
    pool = Pool(offering("reads dear"), offering("talks dear", sha256=OTHER))
    pool.observe(seen("talks dear", sha256=OTHER, decode_milliseconds=10.0), times=9)
    job = find(
        candidates=tuple(contents),
        expected_tokens=expected,
        wishes=RouteWishes(sort="price"),
    )

    assert pool.worker(job) == cheaper


def test_an_embedding_costs_its_prompt_alone() -> None:
    contents = [
        Candidate(sha256=sha256, prices=prices, prompt_tokens=10, context=4096)
        for sha256, prices in ((SHA256, READS_DEAR), (OTHER, TALKS_DEAR))
    ]
    pool = Pool(offering("reads dear"), offering("talks dear", sha256=OTHER))
    job = find(
        body=embedding(), candidates=tuple(contents), wishes=RouteWishes(sort="price"),
        expected_tokens=500,
    )  # fmt: skip

    assert pool.worker(job) == "talks dear"


def test_latency_is_the_time_to_the_first_token_and_no_wish_that_to_the_whole_answer() -> None:
    pool = Pool(offering("reader", context=10_000), offering("talker", context=10_000))
    pool.observe(seen("reader", first_milliseconds=10.0, decode_milliseconds=2000.0), times=9)
    pool.observe(seen("talker", first_milliseconds=100.0, decode_milliseconds=500.0), times=9)
    job = {"candidates": (candidate(prompt=2000, context=10_000),), "expected_tokens": 2000}

    assert pool.worker(find(**job)) == "talker"
    assert pool.worker(find(**job, wishes=RouteWishes(sort="latency"))) == "reader"


def test_a_model_that_must_be_loaded_is_late_with_its_first_token() -> None:
    pool = Pool(offering("cold", is_loaded=False), offering("warm"))
    pool.observe(seen("warm", decode_milliseconds=9000.0), times=9)
    job = {"expected_tokens": 4000}

    assert pool.worker(find(**job)) == "cold"
    assert pool.worker(find(**job, wishes=RouteWishes(sort="latency"))) == "warm"


def test_throughput_is_the_speed_of_talking_alone() -> None:
    pool = Pool(offering("quick start"), offering("fast talk", is_loaded=False))
    pool.observe(seen("fast talk", decode_milliseconds=100.0), times=9)

    assert pool.worker(find(expected_tokens=5)) == "quick start"
    assert pool.worker(find(wishes=RouteWishes(sort="throughput"))) == "fast talk"


SEALED = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=b"c")

CASES = [
    ("not_lending", {"is_lending": False}, {}),
    ("avoided", {}, {"avoided": frozenset({"a"})}),
    ("not_asked", {}, {"worker": "b"}),
    ("circle", {"takes": "friends"}, {}),
    ("trust", {}, {"wishes": RouteWishes(trust="friends")}),
    ("content", {}, {"wishes": RouteWishes(sha256=OTHER)}),
    ("quantisation", {}, {"wishes": RouteWishes(quantisation_min="Q6_K")}),
    ("region", {"region": "eu"}, {"wishes": RouteWishes(region="us")}),
    ("price", {}, {"wishes": RouteWishes(output_price_max=Micros(5))}),
    ("price_floor", {"price_floor": Micros(10**9)}, {}),
    ("free_only", {}, {"is_free": True}),
    ("context", {"context": 10}, {}),
    ("sealing", {"can_seal": False}, {"body": SEALED, "cost_max": Micros(10)}),
    ("no_slot", {"running": 4}, {}),
]


@pytest.mark.parametrize(("reason", "offered", "asked"), CASES, ids=[c[0] for c in CASES])
def test_a_machine_that_may_not_do_it_is_told_why(reason, offered, asked) -> None:
    decision = Pool(offering("a", **offered)).decide(find(**asked))

    assert decision.placement is None
    assert decision.skipped == {"a": reason}
    assert reason.replace("_", " ") in decision.message


def test_a_machine_that_lost_to_a_faster_one_is_told_that_too() -> None:
    pool = Pool(offering("a"), offering("b", is_loaded=False))

    decision = pool.decide(find())

    assert decision.skipped == {"b": "slower"}
    assert decision.log_fields()["skipped_slower"] == 1


def test_prices_do_not_keep_own_devices_away() -> None:
    pool = Pool(offering("mine", relation="own", price_floor=Micros(10**9)))

    assert pool.worker(find(wishes=RouteWishes(output_price_max=Micros(0)), is_free=True)) == "mine"


def test_what_was_answered_counts_as_prompt_of_the_next_worker() -> None:
    decision = Pool(offering("a", context=100)).decide(find(answered=95))

    assert decision.skipped == {"a": "context"}


@pytest.mark.parametrize(
    ("offered", "asked", "words"),
    [
        ({"running": 4}, {}, "free slot"),
        ({}, {"wishes": RouteWishes(trust="friends")}, 'provider.trust "anyone"'),
        ({}, {"wishes": RouteWishes(trust="own"), "is_free": True}, 'provider.trust "anyone"'),
        ({}, {"wishes": RouteWishes(quantisation_min="Q6_K")}, "Q4_K_M"),
        ({}, {"wishes": RouteWishes(output_price_max=Micros(5))}, "2000000 micros"),
        ({"context": 10}, {}, "at most 10 tokens"),
    ],
)
def test_the_caller_learns_what_would_work(offered, asked, words) -> None:
    decision = Pool(offering("a", **offered)).decide(find(**asked))

    assert any(words in sentence for sentence in decision.would_work)


def test_what_would_not_be_enough_is_not_promised() -> None:
    wishes = RouteWishes(trust="friends", quantisation_min="Q6_K")

    assert Pool(offering("a")).decide(find(wishes=wishes)).would_work == ()


def test_a_model_that_nobody_offers_is_said_to_be_offered_by_nobody() -> None:
    assert "offers this model" in Pool().decide(find()).message


def test_a_job_waits_for_what_passes_and_for_nothing_else() -> None:
    assert Pool(offering("a", running=4)).decide(find()).can_wait
    assert Pool(offering("a", is_lending=False)).decide(find()).can_wait
    assert not Pool(offering("a", context=10)).decide(find()).can_wait


def test_a_second_opinion_is_waited_for_while_somebody_is_at_work_and_else_not() -> None:
    refused = msgspec.structs.replace(find(), is_refused=True)

    assert Pool(offering("a", running=4)).decide(refused).can_wait
    assert not Pool(offering("a", is_lending=False)).decide(refused).can_wait


def test_deadlines_follow_what_is_expected_and_have_bounds() -> None:
    pool = Pool(offering("slow"))
    pool.observe(seen("slow", first_milliseconds=10_000.0, decode_milliseconds=90_000.0), times=9)

    placement = pool.decide(find()).placement

    assert placement is not None
    assert 15.0 <= placement.first_seconds <= 300.0
    assert placement.gap_seconds > 10.0


def test_nobody_waits_where_a_slot_is_free_and_for_ever_where_nobody_lends() -> None:
    pool = Pool(offering("a"))

    assert wait_seconds(pool.offerings, [], pool.speeds) == 0.0
    assert wait_seconds([], [], pool.speeds) == float("inf")
    full = [offering("a", running=4)]
    line = [find(f"j{n}") for n in range(40)]
    assert wait_seconds(full, line, pool.speeds) > wait_seconds(full, line[:4], pool.speeds) > 0


@pytest.mark.parametrize("wanted", [{"body": body(max_tokens=2000)}, {"expected_tokens": 2000}])
def test_a_long_answer_goes_where_there_is_room_for_it_and_else_to_who_has_some(
    wanted: dict[str, object],
) -> None:
    small, large = offering("small", context=1024), offering("large")
    pool = Pool(small, large)
    pool.observe(seen("small", decode_milliseconds=10.0), times=9)

    assert pool.worker(find(**wanted)) == "large"
    assert pool.worker(find()) == "small"
    assert Pool(small).worker(find(**wanted)) == "small"
