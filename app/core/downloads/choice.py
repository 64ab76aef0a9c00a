"""Choice: which quantisation of a model to take on this machine, and why. Pure.

Aimed at is Q4_K_M, which loses little and reads half the bytes of Q8_0; small models lose more by
it and are cheap to read, so there it is Q8_0. What fits wholly goes before what fits partly; among
those the one nearest to the aim from below, else the nearest above.
"""

from collections.abc import Sequence
from typing import Final, final

import msgspec

from app.core.models.quant import BITS
from app.core.models.verdict import Fits

AIM: Final = "Q4_K_M"
AIM_OF_SMALL: Final = "Q8_0"
SMALL_PARAMETERS: Final = 4_000_000_000

CONTEXT_WISHED: Final = 4096
"""With less beside it a model that fits is of little use."""

BITS_MIN: Final = 3.2
"""Below it a model is better replaced by a smaller one."""

_RANK: Final[dict[Fits, int]] = {"wholly": 0, "partly": 1, "unknown": 2, "not": 3}


@final
class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One variant as far as the choice looks at it."""

    quant: str
    """A word such as Q4_K_M or UD-Q4_K_XL; "" where the file's name has none."""
    size_bytes: int
    fits: Fits
    context: int = 0


def bits_of(quant: str) -> float:
    """Typical bits a weight for a word of files' names; 0 where the word says nothing."""
    word = quant.upper().removeprefix("UD-").removeprefix("I1-").removesuffix("_MOE")
    word = {"FP16": "F16", "FP32": "F32"}.get(word, word)
    if word in BITS:
        return BITS[word]
    # Unsloth's larger ends of a recipe: Q4_K_XL and the like.
    return BITS.get(word.replace("_XL", "_M"), BITS.get(word.removesuffix("_XL"), 0.0))


def choose(candidates: Sequence[Candidate], parameters: int) -> tuple[int, str]:
    """The place in `candidates` of the one to take, and a sentence that says why.

    `parameters`: of the model, 0 where unknown. `candidates` is not empty.
    """
    assert candidates, "there must be something to choose from"
    aim = AIM_OF_SMALL if 0 < parameters < SMALL_PARAMETERS else AIM
    places = range(len(candidates))
    best = min(places, key=lambda place: _rank(candidates[place], BITS[aim]))
    return best, _why(candidates[best], aim, is_alone=len(candidates) == 1)


def _rank(one: Candidate, aim: float) -> tuple[bool, bool, int, bool, float, bool, int]:
    bits = bits_of(one.quant)
    has_context = not one.context or one.context >= CONTEXT_WISHED
    distance = aim - bits if bits <= aim + 0.01 else 10 * (bits - aim)
    return (
        one.fits == "not",
        0 < bits < BITS_MIN,
        _RANK[one.fits] if has_context else _RANK["partly"],
        not bits,
        distance,
        # As good and plain: what a program's own words are understood by everywhere.
        "-" in one.quant or one.quant.endswith("_XL"),
        one.size_bytes,
    )


def _why(one: Candidate, aim: str, *, is_alone: bool) -> str:
    name = one.quant or "this file"
    if is_alone:
        return f"{name} is the only one there is; {_fit_words(one)}."
    if one.fits == "not":
        return f"None fits this machine; {name} comes nearest."
    if one.quant == aim:
        return f"{name} is the usual choice for its size; {_fit_words(one)}."
    bits = bits_of(one.quant)
    if bits > BITS[aim]:
        return f"{name} is the smallest one that keeps the usual quality; {_fit_words(one)}."
    return f"{name} is the best one that {'fits' if one.fits == 'wholly' else 'can run'} here."


def _fit_words(one: Candidate) -> str:
    match one.fits:
        case "wholly":
            return "it fits wholly"
        case "partly":
            return "it fits partly on the GPU, the rest is in RAM"
        case "not":
            return "it does not fit this machine"
        case "unknown":
            return "whether it fits is not known yet"
