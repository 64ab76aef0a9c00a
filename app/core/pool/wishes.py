"""Wishes: what a caller wants of the way its request goes, and the reading of it.

In a body of OpenAI's API they are the object `provider`; from node to host they are words in
`Ask.wishes`. Both are read here, and what is wrong is said with the field and what is allowed.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeGuard, final, get_args

import msgspec

from app.core.base.errors import RequestError
from app.core.base.numbers import whole_number
from app.core.base.units import Micros
from app.core.models.quant import BITS
from app.wire.pool import Circle

Sort = Literal["latency", "price", "throughput"]
"""Which machine is the best: the one whose first token comes soonest, the one where prompt and
likely answer cost least, or the one that says the tokens of an answer fastest."""

CIRCLES: Final[tuple[Circle, ...]] = get_args(Circle)
"""From the narrowest: each contains those before."""

PRICE_MAX: Final = 10**15
REGION_LENGTH_MAX: Final = 32
SHA256_DIGITS: Final = 64

FIELDS: Final = ("sort", "max_price", "trust", "sha256", "quantisation_min", "region")


@final
class RouteWishes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller wants; the defaults want nothing. Prices: micros for a million tokens."""

    sort: Sort | None = None
    """None: the machine whose whole answer is there soonest."""
    input_price_max: Micros | None = None
    output_price_max: Micros | None = None
    trust: Circle = "anyone"
    """The widest circle whose machines may read the request."""
    sha256: str = ""
    """Only the model of exactly this content."""
    quantisation_min: str = ""
    """Nothing that keeps fewer bits a weight than this recipe."""
    region: str = ""
    """Only workers whose operator says that they are there."""


def is_within(circle: Circle, floor: Circle) -> bool:
    """Whether a worker of that circle may read what asks for `floor` at the widest."""
    return CIRCLES.index(circle) <= CIRCLES.index(floor)


def wishes_of_provider(provider: Mapping[str, object]) -> RouteWishes:
    """The wishes in a body's `provider` object. Raises: RequestError with the field."""
    for name in provider:
        if name not in FIELDS:
            raise _wrong(name, f"there is no such wish; there are {', '.join(FIELDS)}")
    input_max, output_max = _prices(provider.get("max_price"))
    return _checked(
        sort=_text(provider, "sort"),
        trust=_text(provider, "trust"),
        sha256=_text(provider, "sha256"),
        quantisation=_text(provider, "quantisation_min"),
        region=_text(provider, "region"),
        prices=(input_max, output_max),
    )


def wishes_of_words(words: Mapping[str, str]) -> RouteWishes:
    """The wishes in `Ask.wishes`; unknown words are of a later age. Raises: RequestError."""
    prices = tuple(
        _price(whole_number(text), name) if (text := words.get(name, "")) else None
        for name in ("max_price.input", "max_price.output")
    )
    return _checked(
        sort=words.get("sort", ""),
        trust=words.get("trust", ""),
        sha256=words.get("sha256", ""),
        quantisation=words.get("quantisation_min", ""),
        region=words.get("region", ""),
        prices=(prices[0], prices[1]),
    )


def words_of_wishes(wishes: RouteWishes) -> dict[str, str]:
    """As `wishes_of_words` reads them; wishes that want nothing are left out."""
    words = {
        "sort": wishes.sort or "",
        "trust": wishes.trust if wishes.trust != "anyone" else "",
        "sha256": wishes.sha256,
        "quantisation_min": wishes.quantisation_min,
        "region": wishes.region,
        "max_price.input": "" if wishes.input_price_max is None else str(wishes.input_price_max),
        "max_price.output": "" if wishes.output_price_max is None else str(wishes.output_price_max),
    }
    return {name: word for name, word in words.items() if word}


def _checked(
    *,
    sort: str,
    trust: str,
    sha256: str,
    quantisation: str,
    region: str,
    prices: tuple[Micros | None, Micros | None],
) -> RouteWishes:
    if sort and not _is_sort(sort):
        raise _wrong("sort", f"{sort!r} is none of {', '.join(get_args(Sort))}")
    if not _is_circle(trust or "anyone"):
        raise _wrong("trust", f"{trust!r} is none of {', '.join(CIRCLES)}")
    digits = sha256.lower().removeprefix("sha256:")
    if digits and (len(digits) != SHA256_DIGITS or set(digits) - set("0123456789abcdef")):
        raise _wrong("sha256", f"a content has {SHA256_DIGITS} hexadecimal digits")
    recipe = quantisation.upper()
    if recipe and recipe not in BITS:
        raise _wrong("quantisation_min", f"{quantisation!r} is none of {', '.join(BITS)}")
    if len(region) > REGION_LENGTH_MAX:
        raise _wrong("region", f"it has more than {REGION_LENGTH_MAX} characters")
    wished_trust = trust or "anyone"
    assert _is_circle(wished_trust)
    return RouteWishes(
        sort=sort if _is_sort(sort) else None,
        input_price_max=prices[0],
        output_price_max=prices[1],
        trust=wished_trust,
        sha256=digits,
        quantisation_min=recipe,
        region=region.lower(),
    )


def _is_sort(word: str) -> TypeGuard[Sort]:
    return word in get_args(Sort)


def _is_circle(word: str) -> TypeGuard[Circle]:
    return word in CIRCLES


def _text(provider: Mapping[str, object], name: str) -> str:
    value = provider.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "it must be a string")
    return value


def _prices(value: object) -> tuple[Micros | None, Micros | None]:
    if value is None:
        return None, None
    if not isinstance(value, dict) or set(value) - {"input", "output"}:
        raise _wrong("max_price", "it is an object with `input`, `output` or both")
    found = [
        None if value.get(name) is None else _price(value[name], f"max_price.{name}")
        for name in ("input", "output")
    ]
    return found[0], found[1]


def _price(value: object, name: str) -> Micros:
    """A price as given. bool is an int to Python and no price to anybody."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= PRICE_MAX:
        raise _wrong(name, "it must be a whole number of micros for a million tokens")
    return Micros(value)


def _wrong(name: str, why: str) -> RequestError:
    return RequestError(f"provider.{name}: {why}.", field=f"provider.{name}")
