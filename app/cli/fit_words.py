"""Fit words: how tables of the terminal say whether a model fits and how fast it is."""

from typing import Final

from app.core.state.view import size
from app.wire.remote import FitPicture, VariantPicture

_FITS: Final = {"wholly": "fits", "partly": "partly", "not": "too large", "unknown": "?"}

VARIANT_COLUMNS: Final = ("QUANT", "SIZE>", "FITS", "CONTEXT>", "SPEED>", "HERE")


def fit_word(fit: FitPicture) -> str:
    """One or two words."""
    return _FITS[fit.fits]


def speed_words(fit: FitPicture) -> str:
    """Tokens a second, with a sign before what was not measured."""
    if fit.tokens_per_second is None:
        return ""
    about = "" if fit.speed_basis == "measured" else "~"
    digits = 0 if fit.tokens_per_second >= 10 else 1
    return f"{about}{fit.tokens_per_second:.{digits}f} tok/s"


def variant_row(variant: VariantPicture, *, is_recommended: bool) -> tuple[str, ...]:
    """One quantisation under VARIANT_COLUMNS."""
    return (
        variant.tag + (" *" if is_recommended else ""),
        size(variant.size_bytes) if variant.size_bytes else "?",
        fit_word(variant.fit),
        str(variant.fit.context) if variant.fit.context else "",
        speed_words(variant.fit),
        variant.installed,
    )


def parameters_words(count: int) -> str:
    """Parameters as people say them: 8.2B, 494M; "" where unknown."""
    if count >= 999_500_000:
        return f"{count / 1e9:.3g}B"
    return f"{count / 1e6:.0f}M" if count else ""
