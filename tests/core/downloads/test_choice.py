"""Which quantisation is taken, and that the sentence beside it is true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.downloads.choice import BITS_MIN, Candidate, bits_of, choose
from app.core.models.verdict import Fits

BILLION = 1_000_000_000
QUANTS = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")


def offered(**fits: Fits) -> list[Candidate]:
    return [
        Candidate(quant=quant, size_bytes=10 + place, fits=fits.get(quant, "not"), context=8192)
        for place, quant in enumerate(QUANTS)
    ]


def chosen(candidates: list[Candidate], parameters: int = 8 * BILLION) -> str:
    place, why = choose(candidates, parameters)
    assert why.endswith(".")
    return candidates[place].quant


def test_where_all_fit_it_is_q4_k_m_and_for_small_models_q8_0() -> None:
    everything = offered(**dict.fromkeys(QUANTS, "wholly"))

    assert chosen(everything) == "Q4_K_M"
    assert chosen(everything, 2 * BILLION) == "Q8_0"


def test_what_fits_wholly_goes_before_what_fits_partly() -> None:
    assert chosen(offered(Q3_K_M="wholly", Q4_K_M="partly", Q8_0="partly")) == "Q3_K_M"


def test_a_model_that_would_be_too_coarse_is_not_taken_for_its_size() -> None:
    assert chosen(offered(Q2_K="wholly", Q4_K_M="partly")) == "Q4_K_M"


def test_where_none_fits_it_says_so() -> None:
    _, why = choose(offered(), 70 * BILLION)

    assert "None fits" in why


@given(
    fits=st.lists(st.sampled_from(["wholly", "partly", "not", "unknown"]), min_size=7, max_size=7)
)
def test_nothing_that_does_not_fit_is_taken_while_something_does(fits: list[Fits]) -> None:
    candidates = offered(**dict(zip(QUANTS, fits, strict=True)))

    place, _ = choose(candidates, 8 * BILLION)

    fine = [one for one in candidates if one.fits == "wholly" and bits_of(one.quant) > BITS_MIN]
    assert candidates[place].fits != "not" or set(fits) == {"not"}
    assert not fine or candidates[place].fits == "wholly"


@pytest.mark.parametrize(
    ("word", "bits"),
    [("UD-Q4_K_XL", 4.9), ("i1-Q4_K_M", 4.9), ("MXFP4_MOE", 4.25), ("FP16", 16.0), ("what", 0.0)],
)
def test_words_of_publishers_have_bits_too(word: str, bits: float) -> None:
    assert bits_of(word) == bits
