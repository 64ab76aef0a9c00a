"""Each sampling parameter has the effect it is named for, on fixed logits in a real context."""

import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from msgspec.structs import replace

from app.core.base.ids import Slot
from app.core.scheduling.step import Row, Trim
from app.engine.llama.backend import LlamaBackend
from app.wire.engine import Sampling
from tests.engine.llama.conftest import words

A, B, C, D, E = 300, 301, 302, 303, 304
SKEWED = {A: 0.5, B: 0.25, C: 0.15, D: 0.07, E: 0.03}


def neutral(**choices: object) -> Sampling:
    """Sampling that changes nothing but what `choices` say; seeded."""
    plain = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 7}
    return Sampling(**(plain | choices))  # type: ignore[arg-type]


def set_odds(backend: LlamaBackend, odds: dict[int, float], outputs: int = 1) -> None:
    """Makes the model say these probabilities, and never anything else."""
    backend.move(Trim(Slot(0), 0))
    backend.decode([Row(0, Slot(0), 0, words(outputs), logits=outputs)])
    for index in range(outputs):
        row = backend.logits(index)
        row[:] = -np.inf
        for token, probability in odds.items():
            row[token] = math.log(probability)


def draw(
    backend: LlamaBackend, sampling: Sampling, count: int, prompt: Sequence[int] = ()
) -> list[int]:
    """Tokens that one sampler takes, one after the other, from output 0."""
    sampler = backend.sampler(sampling, prompt)
    try:
        return [sampler.choose(0) for _ in range(count)]
    finally:
        sampler.close()


def shares(tokens: list[int]) -> dict[int, float]:
    return {token: times / len(tokens) for token, times in Counter(tokens).items()}


def assert_shares(found: dict[int, float], expected: dict[int, float]) -> None:
    """Equal up to four standard errors of 4000 draws."""
    assert found.keys() == expected.keys()
    for token, share in expected.items():
        assert abs(found[token] - share) < 4 * math.sqrt(share * (1 - share) / 4000)


@pytest.fixture
def skewed(llama: LlamaBackend) -> LlamaBackend:
    """A model that says A to E with falling probability."""
    set_odds(llama, SKEWED)
    return llama


def test_a_neutral_sampler_draws_as_the_model_says(skewed: LlamaBackend) -> None:
    assert_shares(shares(draw(skewed, neutral(), 4000)), SKEWED)


def test_temperature_sharpens_and_flattens(skewed: LlamaBackend) -> None:
    for temperature in (0.5, 2.0):
        found = shares(draw(skewed, neutral(temperature=temperature), 4000))

        powers = {token: odds ** (1 / temperature) for token, odds in SKEWED.items()}
        total = sum(powers.values())
        assert_shares(found, {token: power / total for token, power in powers.items()})


def test_temperature_zero_takes_the_best(skewed: LlamaBackend) -> None:
    assert set(draw(skewed, neutral(temperature=0), 50)) == {A}
    assert set(draw(skewed, neutral(temperature=-1), 50)) == {A}


def test_temperature_zero_is_not_misled_by_samplers_that_cut_the_best(
    skewed: LlamaBackend,
) -> None:
    hostile = neutral(temperature=0, xtc_probability=1.0, xtc_threshold=0.05, typical_p=0.1)

    assert set(draw(skewed, hostile, 50)) == {A}


def test_of_equal_logits_greedy_takes_the_lowest_token(llama: LlamaBackend) -> None:
    set_odds(llama, {B: 0.5, A: 0.5})

    assert draw(llama, neutral(temperature=0), 1) == [A]
    assert draw(llama, neutral(temperature=0, repeat_penalty=1.1), 1) == [A]


@pytest.mark.parametrize(
    ("choices", "kept"),
    [
        ({"top_k": 2}, {A, B}),
        ({"top_p": 0.8}, {A, B, C}),
        ({"top_p": 0.8, "min_keep": 4}, {A, B, C, D}),
        ({"min_p": 0.2}, {A, B, C}),
        ({"typical_p": 0.3}, {B, C}),
        ({"top_n_sigma": 1.0}, {A, B}),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.2}, {B, C, D, E}),
        ({"logit_bias": ((A, -math.inf), (E, -math.inf))}, {B, C, D}),
    ],
)
def test_truncation_keeps_what_it_should(
    skewed: LlamaBackend, choices: dict[str, object], kept: set[int]
) -> None:
    found = shares(draw(skewed, neutral(**choices), 4000))

    total = sum(SKEWED[token] for token in kept)
    assert_shares(found, {token: SKEWED[token] / total for token in kept})


def test_xtc_acts_as_often_as_its_probability_says(skewed: LlamaBackend) -> None:
    tokens = draw(skewed, neutral(xtc_probability=0.5, xtc_threshold=0.2, seed=3), 4000)

    # Half of the draws know no A, so half of its share is left.
    assert abs(shares(tokens)[A] - 0.25) < 0.03


def test_top_k_comes_before_temperature(skewed: LlamaBackend) -> None:
    assert set(draw(skewed, neutral(top_k=2, temperature=50.0), 400)) == {A, B}


def test_penalties_come_before_top_k(skewed: LlamaBackend) -> None:
    penalised = neutral(top_k=1, presence_penalty=10.0)

    assert draw(skewed, penalised, 1, prompt=[A]) == [B]


def test_dynamic_temperature_follows_the_uncertainty(llama: LlamaBackend) -> None:
    sure = {A: 0.97, B: 0.03}
    set_odds(llama, sure)
    cooled = shares(draw(llama, neutral(dynatemp_range=1.0, top_k=2), 4000))
    set_odds(llama, {A: 0.5, B: 0.3, C: 0.2})
    warmed = shares(draw(llama, neutral(dynatemp_range=1.0, top_k=3), 4000))

    # Little entropy leads to a temperature below 1, much of it to one above.
    assert cooled.get(B, 0.0) < 0.01
    assert warmed[A] < 0.46


def test_logit_bias_moves_odds_by_its_exponential(skewed: LlamaBackend) -> None:
    found = shares(draw(skewed, neutral(logit_bias=((E, math.log(10)),)), 4000))

    raised = SKEWED | {E: 0.3}
    assert_shares(found, {token: odds / 1.27 for token, odds in raised.items()})


def test_logit_bias_of_tokens_that_do_not_exist_is_ignored(skewed: LlamaBackend) -> None:
    assert draw(skewed, neutral(temperature=0, logit_bias=((10**6, 5.0), (-3, 5.0))), 1) == [A]


def test_logit_bias_acts_on_greedy_answers(skewed: LlamaBackend) -> None:
    assert draw(skewed, neutral(temperature=0, logit_bias=((C, 5.0),)), 1) == [C]


def test_ignore_eos_silences_every_token_that_ends(llama: LlamaBackend) -> None:
    ends = [token for token in range(llama.vocabulary.size) if llama.vocabulary.is_end(token)]
    set_odds(llama, {A: 0.1} | dict.fromkeys(ends, 0.9 / len(ends)))

    assert len(ends) == 2
    assert set(draw(llama, neutral(ignore_eos=True), 200)) == {A}
    assert draw(llama, neutral(ignore_eos=True, temperature=0), 1) == [A]
    assert set(draw(llama, neutral(), 200)) == {A, *ends}


# --- memory of the text ----------------------------------------------------------------------


def test_presence_penalty_counts_a_token_once(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.6, B: 0.4})
    sampling = neutral(presence_penalty=math.log(3), seed=5)

    found = shares(draw_fresh(llama, sampling, prompt=[A, A, A]))

    assert abs(found[A] - 0.2 / 0.6) < 0.03


def test_frequency_penalty_counts_every_time(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.8, B: 0.2})
    sampling = neutral(frequency_penalty=math.log(2), seed=5)

    found = shares(draw_fresh(llama, sampling, prompt=[A, A]))

    assert abs(found[A] - 0.5) < 0.04


def draw_fresh(
    backend: LlamaBackend, sampling: Sampling, prompt: Sequence[int], count: int = 2000
) -> list[int]:
    """First tokens of `count` samplers, whose memory holds the prompt alone."""
    tokens = []
    for seed in range(count):
        sampler = backend.sampler(replace(sampling, seed=seed), prompt)
        tokens.append(sampler.choose(0))
        sampler.close()
    return tokens


def test_repeat_penalty_holds_back_what_the_prompt_said(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.55, B: 0.45})

    # Logarithms of odds are negative, and a penalty multiplies them.
    assert draw(llama, neutral(temperature=0, repeat_penalty=2.0), 1, prompt=[A]) == [B]
    assert draw(llama, neutral(temperature=0, repeat_penalty=2.0), 1, prompt=[C]) == [A]


def test_penalties_look_back_no_further_than_their_window(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.55, B: 0.45})
    prompt = [A, *words(10)]

    for window, expected in ((11, B), (10, A), (0, A), (-1, B)):
        sampling = neutral(temperature=0, repeat_penalty=2.0, repeat_last_n=window)
        assert draw(llama, sampling, 1, prompt=prompt) == [expected]


def test_penalties_remember_what_was_chosen(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.4, B: 0.35, C: 0.25})

    taken = draw(llama, neutral(temperature=0, presence_penalty=50.0), 3)

    assert taken == [A, B, C]


def test_dry_breaks_a_repetition_off(llama: LlamaBackend) -> None:
    set_odds(llama, {D: 0.6, E: 0.4})
    repeating = [A, B, C, D, 400, A, B, C]

    dry = neutral(temperature=0, dry_multiplier=5.0)
    assert draw(llama, dry, 1, prompt=repeating) == [E]
    assert draw(llama, dry, 1, prompt=repeating[4:]) == [D]
    longer = neutral(temperature=0, dry_multiplier=5.0, dry_allowed_length=4)
    assert draw(llama, longer, 1, prompt=repeating) == [D]


def test_dry_stops_at_its_breakers(llama: LlamaBackend) -> None:
    set_odds(llama, {D: 0.6, E: 0.4})
    breaker = llama.vocabulary.piece(C).decode()
    repeating = [A, B, C, D, 400, A, B, C]

    dry = neutral(temperature=0, dry_multiplier=5.0, dry_sequence_breakers=(breaker,))

    assert draw(llama, dry, 1, prompt=repeating) == [D]


def test_dry_samplers_of_equal_settings_share_no_memory(llama: LlamaBackend) -> None:
    set_odds(llama, {D: 0.6, E: 0.4})
    repeating = [A, B, C, D, 400, A, B, C]
    dry = neutral(temperature=0, dry_multiplier=5.0)

    assert draw(llama, dry, 1, prompt=repeating) == [E]
    assert draw(llama, dry, 1, prompt=[]) == [D]


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_steers_to_its_surprise(llama: LlamaBackend, version: int) -> None:
    odds = {200 + n: 1 / (n + 1) for n in range(400)}
    total = sum(odds.values())
    set_odds(llama, {token: share / total for token, share in odds.items()})

    def surprise(tau: float) -> float:
        sampling = neutral(mirostat=version, mirostat_tau=tau, mirostat_eta=0.2)
        tokens = draw(llama, sampling, 600)[200:]
        return float(np.mean([-math.log2(odds[token] / total) for token in tokens]))

    assert surprise(2.0) < surprise(6.0) - 1.0


def test_mirostat_heeds_bias_and_penalties(llama: LlamaBackend) -> None:
    set_odds(llama, {A: 0.5, B: 0.5})

    banned = neutral(mirostat=2, logit_bias=((A, -math.inf),))
    assert set(draw(llama, banned, 50)) == {B}
    penalised = neutral(mirostat=2, presence_penalty=80.0)
    assert draw(llama, penalised, 1, prompt=[A]) == [B]


# --- chance ----------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same(skewed: LlamaBackend) -> None:
    first = draw(skewed, neutral(seed=11), 100)

    assert draw(skewed, neutral(seed=11), 100) == first
    assert draw(skewed, neutral(seed=12), 100) != first
    assert draw(skewed, neutral(seed=11 + 2**32), 100) == first


@pytest.mark.parametrize("seed", [2**32 - 1, -1])
def test_every_number_is_a_seed(skewed: LlamaBackend, seed: int) -> None:
    assert draw(skewed, neutral(seed=seed), 100) == draw(skewed, neutral(seed=seed), 100)


def test_no_seed_draws_another_answer_each_time(skewed: LlamaBackend) -> None:
    assert draw(skewed, neutral(seed=None), 100) != draw(skewed, neutral(seed=None), 100)


def test_a_seed_gives_the_same_whatever_runs_beside(llama: LlamaBackend) -> None:
    set_odds(llama, SKEWED, outputs=4)
    alone = draw(llama, neutral(seed=1), 50)

    samplers = [llama.sampler(neutral(seed=n), []) for n in range(4)]
    together = [[s.choose(n) for n, s in enumerate(samplers)] for _ in range(50)]

    assert [taken[1] for taken in together] == alone
    for sampler in samplers:
        sampler.close()


def test_samplers_on_several_threads_choose_as_on_one(llama: LlamaBackend) -> None:
    set_odds(llama, {200 + n: 1 / 400 for n in range(400)}, outputs=16)
    samplings = [neutral(seed=n, top_p=0.9, repeat_penalty=1.1) for n in range(16)]
    one = [llama.sampler(sampling, [205]) for sampling in samplings]
    many = [llama.sampler(sampling, [205]) for sampling in samplings]

    expected = [[s.choose(n) for n, s in enumerate(one)] for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        found = [list(pool.map(lambda n: many[n].choose(n), range(16))) for _ in range(20)]

    assert found == expected
    for sampler in (*one, *many):
        sampler.close()


def test_dry_is_prepared_on_any_thread_and_does_the_same(llama: LlamaBackend) -> None:
    set_odds(llama, {D: 0.6, E: 0.4})
    repeating = [A, B, C, D, 400, A, B, C]
    kinds = [
        neutral(temperature=0, dry_multiplier=5.0, dry_sequence_breakers=(f"q{n}", ":"))
        for n in range(12)
    ]

    with ThreadPoolExecutor(4) as pool:
        ready = pool.map(llama.ready_for, [*kinds, Sampling(temperature=0), *kinds])
        found = [draw(llama, kind, 1, prompt=repeating) for kind in kinds * 2]
        list(ready)

    assert found == [[E]] * 24


@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_sampler_goes_on_where_another_stopped(skewed: LlamaBackend, count: int) -> None:
    sampling = neutral(repeat_penalty=1.3, frequency_penalty=0.1)
    whole = draw(skewed, sampling, 40, prompt=[A])

    rest = skewed.sampler(sampling, [A], whole[:count])
    found = [rest.choose(0) for _ in whole[count:]]

    assert found == whole[count:]
    rest.close()
