"""Offers: whether this node takes a job that its pool offers, and what it says where it does not.

The owner's rules: which models, whose jobs, how many at a time, at what price, how much a day; and
the good neighbour's verdict above all.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.base.ids import ModelName
from app.core.base.units import Micros
from app.core.pool.wishes import is_within
from app.core.sharing.table import LendingAction
from app.wire.pool import Circle, Offer, Sealed

RejectCode = Literal["not_lending", "no_slot", "no_model", "price", "circle", "context", "sealing"]

NO_SLOT_RETRY_SECONDS: Final = 2.0
NOT_LENDING_RETRY_SECONDS: Final = 30.0


@final
class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """One model that the owner lends."""

    name: ModelName
    is_loaded: bool
    slots: int
    """Guests at once."""
    guests: int = 0
    """Of them now."""


@final
class Lending(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer is judged by. Amounts in micros."""

    action: LendingAction
    models: Mapping[str, Lent]
    """By the sha256 of their content."""
    guests: int
    """Jobs of guests under way, on all models."""
    guests_max: int
    circle: Circle
    price_floor: Micros = Micros(0)
    """For a million tokens of answer."""
    earned_today: Micros = Micros(0)
    earnings_cap: Micros = Micros(0)
    """Of a day; 0: none."""
    loads_models: bool = True
    """Models that are not in memory are loaded for guests."""

    @property
    def is_capped(self) -> bool:
        """The owner wants to earn no more today."""
        return 0 < self.earnings_cap <= self.earned_today


class Rejection(NamedTuple):
    """Why not, and when it may be worth asking again (0: nobody can say)."""

    code: RejectCode
    retry_after_seconds: float = 0.0


def judge(offer: Offer, lending: Lending, *, can_open: bool = True) -> Lent | Rejection:
    """The model that does it, or why none does. `can_open`: a sealed body could be opened."""
    if lending.action != "lend" or lending.is_capped:
        return Rejection("not_lending", NOT_LENDING_RETRY_SECONDS)
    if not is_within(offer.circle, lending.circle):
        return Rejection("circle")
    model = lending.models.get(offer.sha256)
    if model is None or not (model.is_loaded or lending.loads_models):
        return Rejection("no_model")
    # The owner's own devices pay nothing, so no floor can be meant for them.
    if offer.circle != "own" and offer.prices[2] < lending.price_floor:
        return Rejection("price")
    if isinstance(offer.body, Sealed) and not can_open:
        return Rejection("sealing")
    if lending.guests >= lending.guests_max or model.guests >= model.slots:
        return Rejection("no_slot", NO_SLOT_RETRY_SECONDS)
    return model


def guest_slots(sequences: int, percent: int) -> int:
    """How many of a model's sequences guests may hold at a time: at least one where any may."""
    return max(1, sequences * percent // 100) if percent > 0 else 0
