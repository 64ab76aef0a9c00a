"""The verdict before a download is that of the load after it."""

import pytest

from app.core.models.fit import plan_load
from app.core.models.speed import MeasuredSpeed
from app.core.models.verdict import judge, scaled
from app.core.models.wishes import Wishes
from tests.core.models.cards import GIB, card, cpu, gpu

BANDWIDTHS = {"CPU": 50e9, "CUDA0": 900e9}


@pytest.mark.parametrize(
    ("devices", "fits"),
    [
        ([cpu(32 * GIB), gpu(24 * GIB)], "wholly"),
        ([cpu(32 * GIB), gpu(4 * GIB)], "partly"),
        ([cpu(32 * GIB)], "wholly"),
        ([cpu(3 * GIB)], "not"),
    ],
)
def test_it_fits_wholly_partly_or_not_as_the_plan_says(devices, fits) -> None:
    verdict = judge(card(), devices, Wishes(), BANDWIDTHS)

    assert verdict.fits == fits
    assert verdict.explanation
    if fits != "not":
        assert verdict.context == plan_load(card(), devices, Wishes()).plan.context


def test_what_does_not_fit_says_what_would_help() -> None:
    verdict = judge(card(), [cpu(3 * GIB)], Wishes(), BANDWIDTHS)

    assert "does not fit" in verdict.explanation
    assert verdict.tokens_per_second is None


def test_a_measured_speed_stands_in_the_place_of_the_expected_one() -> None:
    measured = MeasuredSpeed(tokens_per_second=12.5, tokens=100)

    verdict = judge(card(), [cpu(32 * GIB)], Wishes(), BANDWIDTHS, measured)

    assert (verdict.tokens_per_second, verdict.speed_basis) == (12.5, "measured")
    assert judge(card(), [cpu(32 * GIB)], Wishes(), BANDWIDTHS).speed_basis == "expected"


def test_another_quantisation_takes_its_share_and_keeps_its_cache() -> None:
    whole = card()

    half = scaled(whole, whole.size_bytes // 2, "Q2_K")

    assert half.size_bytes == whole.size_bytes // 2
    assert sum(layer.weight_bytes for layer in half.layers) == pytest.approx(
        sum(layer.weight_bytes for layer in whole.layers) / 2, rel=0.01
    )
    assert half.kv_bytes_per_token() == whole.kv_bytes_per_token()
