"""Expected speed from bytes and bandwidth, and the running mean of what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.models.fit import plan_load
from app.core.models.speed import (
    READING_SHARE,
    TOKENS_COUNTED_MIN,
    TOKENS_WEIGHED_MAX,
    MeasuredSpeed,
    expected_speed,
    with_sample,
)
from app.core.models.wishes import Wishes
from tests.core.models.cards import GIB, card, cpu, gpu

GB = 1000**3


def speed(model, devices, bandwidths):
    fit = plan_load(model, devices, Wishes())
    return expected_speed(model, fit.needs, bandwidths)


def test_on_a_cpu_it_is_bandwidth_over_the_bytes_of_a_token() -> None:
    model = card(context=4096)

    found = speed(model, [cpu(32 * GIB)], {"CPU": 50 * GB})

    read = model.weight_bytes - model.input_bytes
    assert found == pytest.approx(50 * GB * READING_SHARE / read, rel=0.05)


def test_a_gpu_of_ten_times_the_bandwidth_is_several_times_as_fast() -> None:
    model = card(context=4096)

    slow = speed(model, [cpu(32 * GIB)], {"CPU": 50 * GB})
    fast = speed(model, [cpu(32 * GIB), gpu(24 * GIB)], {"CPU": 50 * GB, "CUDA0": 500 * GB})

    assert slow is not None and fast is not None
    assert 5 * slow < fast < 11 * slow


def test_layers_left_in_ram_slow_it_down() -> None:
    model = card(context=4096)
    bandwidths = {"CPU": 50 * GB, "CUDA0": 500 * GB}

    whole = speed(model, [cpu(32 * GIB), gpu(24 * GIB)], bandwidths)
    partly = speed(model, [cpu(32 * GIB), gpu(5 * GIB)], bandwidths)

    assert whole is not None and partly is not None
    assert partly < whole


def test_experts_that_a_token_does_not_use_cost_no_time() -> None:
    dense = card(context=4096)
    mixture = replace(dense, experts=128, experts_used=8, expert_bytes=dense.weight_bytes * 9 // 10)

    slow = speed(dense, [cpu(32 * GIB)], {"CPU": 50 * GB})
    fast = speed(mixture, [cpu(32 * GIB)], {"CPU": 50 * GB})

    assert slow is not None and fast is not None
    assert 4 * slow < fast < 10 * slow


def test_embeddings_that_serve_as_output_are_read_for_each_token() -> None:
    tied = card(context=4096, tied_bytes=300 * 1024**2)
    apart = card(context=4096)

    assert speed(tied, [cpu(32 * GIB)], {"CPU": 50 * GB}) == pytest.approx(
        speed(apart, [cpu(32 * GIB)], {"CPU": 50 * GB}), rel=0.01
    )


def test_where_a_bandwidth_is_not_known_nothing_is_said() -> None:
    model = card(context=4096)

    assert speed(model, [cpu(32 * GIB)], {}) is None
    assert speed(model, [cpu(32 * GIB), gpu(24 * GIB)], {"CPU": 50 * GB}) is None
    assert speed(card(is_embedding=True), [cpu(32 * GIB)], {"CPU": 50 * GB}) is None


SAMPLES = st.lists(
    st.tuples(st.integers(TOKENS_COUNTED_MIN, 2000), st.floats(0.1, 100)), min_size=1, max_size=30
)


@given(samples=SAMPLES)
def test_the_mean_lies_between_the_slowest_and_the_fastest_answer(
    samples: list[tuple[int, float]],
) -> None:
    known: MeasuredSpeed | None = None
    for tokens, seconds in samples:
        known = with_sample(known, tokens, seconds)

    rates = [tokens / seconds for tokens, seconds in samples]
    assert known is not None
    assert min(rates) * 0.999 <= known.tokens_per_second <= max(rates) * 1.001


def test_a_short_answer_changes_nothing() -> None:
    known = MeasuredSpeed(tokens_per_second=10.0, tokens=100)

    assert with_sample(known, TOKENS_COUNTED_MIN - 1, 1.0) == known
    assert with_sample(None, 1, 1.0) is None
    assert with_sample(known, 100, 0.0) == known


def test_a_new_speed_shows_soon_however_long_the_past_was() -> None:
    known = MeasuredSpeed(tokens_per_second=10.0, tokens=1_000_000)
    for _ in range(10):
        known = with_sample(known, TOKENS_WEIGHED_MAX, TOKENS_WEIGHED_MAX / 40)
        assert known is not None

    assert known.tokens_per_second > 35
