"""Price list: what a host's prices.toml says, and what a model costs by it.

    [shares]                       # percent of what a job costs; together 100
    worker = 85
    fee = 10
    fund = 5

    [[models]]                     # what the pool offers, by content and not by name
    sha256 = "9c1f..."             # of the GGUF, of its first shard where there are several
    name = "qwen3-8b"
    file = "heads/qwen3-8b.gguf"   # the GGUF or its head, by which the host counts
    active_parameters = 8_200_000_000
    prices = { input = 50_000, cached_input = 10_000, output = 200_000 }

    [[rules]]                      # for models without prices: the first that fits
    active_parameters_max = 4_000_000_000
    prices = { input = 20_000, cached_input = 5_000, output = 80_000 }

    [[rules]]                      # without a maximum: all others
    prices = { input = 100_000, cached_input = 20_000, output = 400_000 }

Prices are whole micros for a million tokens. A key that is not known is an error, as in settings: a
price that is silently ignored costs the operator money.
"""

import re
from collections.abc import Iterator
from typing import Final, final

import msgspec

from app.core.base.errors import SettingsInvalid
from app.core.base.units import Micros
from app.core.ledger.pricing import PRICE_MAX, Prices, Shares

SHARES: Final = Shares(worker=85, fee=10, fund=5)
"""Where the file says nothing."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class PricesInvalid(SettingsInvalid):
    """prices.toml cannot be used; the message names every fault and the place of each."""


@final
class PricedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that the pool offers."""

    sha256: str
    name: str
    file: str = ""
    """Relative to the folder of prices.toml; "": the host looks for it in its library."""
    active_parameters: int = 0
    """Parameters that a token goes through; 0: not said, so it must have prices of its own."""
    prices: Prices | None = None


@final
class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of models up to a size."""

    prices: Prices
    active_parameters_max: int | None = None


@final
class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that prices.toml says."""

    shares: Shares = SHARES
    models: tuple[PricedModel, ...] = ()
    rules: tuple[Rule, ...] = ()

    def model(self, sha256: str) -> PricedModel | None:
        """The offered model with that content."""
        return next((model for model in self.models if model.sha256 == sha256), None)

    def prices_of(self, sha256: str) -> Prices | None:
        """What that model costs; None where the pool does not offer it."""
        model = self.model(sha256)
        return None if model is None else model.prices or self._by_rule(model.active_parameters)

    def _by_rule(self, active_parameters: int) -> Prices | None:
        for rule in self.rules if active_parameters else ():
            top = rule.active_parameters_max
            if top is None or active_parameters <= top:
                return rule.prices
        return None


def parse_price_list(text: str, place: str = "prices.toml") -> PriceList:
    """The price list of a file's text; `place` names the file in messages.

    Raises: PricesInvalid, naming every fault that can be told at once.
    """
    try:
        found = msgspec.toml.decode(text, type=PriceList)
    except msgspec.DecodeError as error:
        raise PricesInvalid(
            f"{place}: {error}",
            remedy="docs/books.md shows the whole file; prices are whole micros for a million "
            "tokens.",
        ) from None
    if faults := list(_faults(found)):
        raise PricesInvalid(
            "\n".join(f"{place}: {fault}" for fault in faults),
            remedy="Correct what is named; docs/books.md shows the whole file.",
        )
    return found


def _faults(found: PriceList) -> Iterator[str]:
    """What the types cannot say, one sentence a fault."""
    shares = found.shares
    if min(shares.worker, shares.fee, shares.fund) < 0:
        yield "shares: none may be below 0"
    if (total := shares.worker + shares.fee + shares.fund) != 100:
        yield f"shares: worker, fee and fund are percent and make {total} together, not 100"
    seen: set[str] = set()
    for number, model in enumerate(found.models, start=1):
        here = f"models, entry {number} ({model.name!r})"
        if not _SHA256.fullmatch(model.sha256):
            yield f"{here}: sha256 is not 64 hexadecimal digits in lower case"
        if not model.name.strip():
            yield f"{here}: name is empty"
        for word in (model.sha256, model.name):
            if word in seen:
                yield f"{here}: {word!r} is there twice"
            seen.add(word)
        if model.active_parameters < 0:
            yield f"{here}: active_parameters is below 0"
        if model.prices is not None:
            yield from _price_faults(here, model.prices)
        elif found.prices_of(model.sha256) is None and found.model(model.sha256) is model:
            yield f"{here}: has no prices, and no rule fits its active_parameters"
    yield from _rule_faults(found.rules)


def _rule_faults(rules: tuple[Rule, ...]) -> Iterator[str]:
    """Rules that can never be reached are faults: somebody thinks that they hold."""
    before = 0
    for number, rule in enumerate(rules, start=1):
        here = f"rules, entry {number}"
        yield from _price_faults(here, rule.prices)
        top = rule.active_parameters_max
        if top is None and number < len(rules):
            yield f"{here}: has no active_parameters_max, so the rules after it never hold"
        if top is not None and top <= before:
            yield f"{here}: active_parameters_max must be above {before}, that of the one before"
        before = before if top is None else top


def _price_faults(here: str, prices: Prices) -> Iterator[str]:
    for name in ("input", "cached_input", "output"):
        price: Micros = getattr(prices, name)
        if not 0 <= price <= PRICE_MAX:
            yield f"{here}: prices.{name} is {price}, not between 0 and {PRICE_MAX}"
    if prices.cached_input > prices.input:
        yield f"{here}: prices.cached_input is above prices.input"
