"""What is expected of a machine and of an answer: what was seen, and never what was claimed."""

import pytest

from app.core.pool.lengths import UNKNOWN_TOKENS, Lengths
from app.core.pool.speeds import Speeds, guessed
from tests.core.pool.choosing import PARAMETERS, seen
from tests.core.pool.jobs.play import SHA256


def of(speeds: Speeds):
    return speeds.of("a", SHA256, PARAMETERS)


def test_a_machine_that_nobody_knows_is_guessed_by_the_size_of_the_model() -> None:
    assert guessed(70 * 10**9).answer_ms > guessed(7 * 10**9).answer_ms > guessed(10**8).answer_ms


def test_the_guess_is_forgotten_with_the_first_answer() -> None:
    speeds = Speeds()
    speeds.observe(seen("a"), PARAMETERS)

    assert of(speeds).answer_ms == pytest.approx(10.0)
    assert of(speeds).prompt_ms == pytest.approx(1.0)


def test_a_worse_hour_is_noticed_within_a_few_answers() -> None:
    speeds = Speeds()
    for _ in range(20):
        speeds.observe(seen("a"), PARAMETERS)
    for _ in range(10):
        speeds.observe(seen("a", decode_milliseconds=4000.0), PARAMETERS)

    assert of(speeds).answer_ms > 30.0


def test_the_time_to_load_is_learned_from_cold_starts_and_is_no_prefill() -> None:
    speeds = Speeds()
    speeds.observe(seen("a"), PARAMETERS)
    speeds.observe(seen("a", is_cold=True, first_milliseconds=9100.0), PARAMETERS)

    assert of(speeds).load_ms < 15_000.0
    assert of(speeds).prompt_ms == pytest.approx(1.0)


@pytest.mark.parametrize(
    "one", [{"tokens": 0}, {"first_milliseconds": 0.0}, {"tokens": 2, "prompt_tokens": 3}]
)
def test_what_says_nothing_teaches_nothing(one: dict[str, float]) -> None:
    speeds = Speeds()
    speeds.observe(seen("a"), PARAMETERS)
    before = of(speeds)

    speeds.observe(seen("a", **one), PARAMETERS)

    assert (of(speeds).prompt_ms, of(speeds).answer_ms) == (before.prompt_ms, before.answer_ms)


def test_a_clock_that_jumped_makes_nobody_infinitely_fast() -> None:
    speeds = Speeds()
    speeds.observe(seen("a", first_milliseconds=1e-9, decode_milliseconds=1e-9), PARAMETERS)

    assert of(speeds).answer_ms >= 0.01 and of(speeds).prompt_ms >= 0.01


def test_an_unknown_answer_is_taken_for_a_common_one_and_never_for_max_tokens() -> None:
    lengths = Lengths()

    assert lengths.expected("key", "m", 8192) == UNKNOWN_TOKENS
    assert lengths.expected("key", "m", 5) == 5


def test_what_a_key_got_is_what_it_will_get() -> None:
    lengths = Lengths()
    for _ in range(50):
        lengths.observe("short", "m", 10)
        lengths.observe("long", "m", 1000)

    assert lengths.expected("short", "m", None) < 20
    assert lengths.expected("long", "m", None) > 1000
    assert 20 < lengths.expected("new", "m", None) < 1000


def test_answers_that_reach_their_limit_are_reckoned_as_long_as_they_were_at_least() -> None:
    lengths = Lengths()
    for _ in range(50):
        lengths.observe("writer", "m", 20)
    for _ in range(50):
        lengths.observe("writer", "m", 4000, is_cut=True)

    assert lengths.expected("writer", "m", None) > 3900
    assert lengths.expected("writer", "m", 4000) > 3900
    assert lengths.expected("writer", "m", 100) == 100


def test_the_first_answer_of_a_key_may_be_one_that_was_cut() -> None:
    lengths = Lengths()

    lengths.observe("writer", "m", 4000, is_cut=True)
    lengths.observe("classifier", "n", 1, is_cut=True)

    assert lengths.expected("writer", "m", None) >= 4000
    assert lengths.expected("classifier", "n", None) == UNKNOWN_TOKENS


def test_a_short_limit_does_not_make_answers_short() -> None:
    lengths = Lengths()
    for _ in range(50):
        lengths.observe("key", "m", 1000)
    before = lengths.expected("key", "m", None)

    for _ in range(50):
        lengths.observe("key", "m", 5, is_cut=True)

    assert lengths.expected("key", "m", None) == before
