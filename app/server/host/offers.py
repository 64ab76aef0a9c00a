"""Offers: the models that this host lets its members serve, by content, with names and prices.

A name means one model as in a library; a name without a quantisation means any of its
quantisations, of which dispatch picks. What is not on the operator's list is not dispatched: the
host could not count it.
"""

from collections.abc import Iterable
from typing import final

import msgspec

from app.core.base.errors import ModelNotFound
from app.core.base.ids import ModelName
from app.core.ledger.pricing import Prices, Shares
from app.core.models.quant import BITS
from app.core.models.resolve import Directory, named
from app.core.pool.jobs.job import Candidate
from app.core.pool.wishes import RouteWishes
from app.wire.model import ModelFacts
from app.wire.pool_local import POOL_PREFIX

SHA256_PREFIX = "sha256:"


@final
class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One content on the operator's list, whose vocabulary the host has."""

    sha256: str
    name: ModelName
    prices: Prices
    quantisation: str = ""
    is_embedding: bool = False
    facts: ModelFacts
    """As the host's own engine says; its context is what the model was trained on."""

    @property
    def context(self) -> int:
        """Tokens that the model was trained on."""
        return self.facts.context_trained

    def candidate(self, *, prompt_tokens: int, context: int) -> Candidate:
        """It, for a job with such a prompt."""
        return Candidate(
            sha256=self.sha256,
            prices=self.prices,
            prompt_tokens=prompt_tokens,
            context=context,
            vocabulary=self.facts.vocabulary,
        )


@final
class Offers:
    """The list. Replaced as a whole when the operator changes it."""

    def __init__(self, models: Iterable[Offered] = (), shares: Shares | None = None) -> None:
        self.models = tuple(models)
        self.shares = shares or Shares(worker=85, fee=10, fund=5)
        self._by_sha = {model.sha256: model for model in self.models}
        self._by_name = {model.name: model for model in self.models}
        self._directory = Directory(
            named(model.name, (model.name.partition(":")[0],), model.quantisation)
            for model in self.models
        )

    def of(self, sha256: str) -> Offered | None:
        """The model of that content; None where it is not offered."""
        return self._by_sha.get(sha256)

    def find(self, name: str) -> ModelName:
        """The canonical name of what is meant. Raises: ModelNotFound, with the nearest."""
        if name.startswith(SHA256_PREFIX):
            exact = self._by_sha.get(name.removeprefix(SHA256_PREFIX).lower())
            if exact is not None:
                return exact.name
        if name in ("", "default"):
            if len(self.models) == 1:
                return self.models[0].name
            names = tuple(model.name for model in self.models[:3])
            reason = "the request names no model, and the pool offers several."
            raise ModelNotFound("default", names, reason=reason if names else _NOTHING)
        found = self._directory.find(name.removeprefix(POOL_PREFIX))
        if found is None:
            nearest = self._directory.nearest(name)
            raise ModelNotFound(name, nearest, reason="" if self.models else _NOTHING)
        return found

    def meant(self, name: str, wishes: RouteWishes) -> tuple[Offered, ...]:
        """Every content that would do, the one that `find` names first.

        Raises: ModelNotFound, for a wish that no such content fulfils too.
        """
        first = self._by_name[self.find(name)]
        base = first.name.partition(":")[0]
        is_open = ":" not in name and not name.startswith(SHA256_PREFIX)
        others = [
            model
            for model in self.models
            if is_open and model is not first and model.name.partition(":")[0] == base
        ]
        fitting = tuple(model for model in (first, *others) if _fulfils(model, wishes))
        if not fitting:
            raise ModelNotFound(
                name,
                reason=f"model {name!r} is offered, but not with the content, quantisation or "
                "price that `provider` asks for.",
            )
        return fitting


_NOTHING = "this pool offers no model yet; its operator lists them in prices.toml."


def _fulfils(model: Offered, wishes: RouteWishes) -> bool:
    """Whether the content is one that the wishes allow. Circles and regions are dispatch's."""
    floor = BITS.get(wishes.quantisation_min, 0.0)
    return (
        (not wishes.sha256 or model.sha256 == wishes.sha256)
        and (not floor or BITS.get(model.quantisation.upper(), 0.0) >= floor)
        and (wishes.input_price_max is None or model.prices.input <= wishes.input_price_max)
        and (wishes.output_price_max is None or model.prices.output <= wishes.output_price_max)
    )
