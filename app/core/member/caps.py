"""Caps: how much of the owner's credits one more request may cost.

Three limits of the owner, each in micros: of one request, of a day, of a month. What is asked for
and not settled yet counts as if it would cost all that it may, so requests at one time cannot
spend the same credit twice; what it did not cost comes back when its cost is known.

Law: the sum of what was spent and of what may still be is at no time above a cap of the day or the
month, unless a cap was lowered below what was spent before.
"""

from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.base.units import Micros
from app.core.ledger.pricing import Quote

CapName = Literal["request", "day", "month"]

Missing = Literal["", "spending", "trust", "context", "cap", "balance"]

MILLION: Final = 1_000_000
"""Prices are micros for so many tokens."""


@final
class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's limits. 0 allows nothing."""

    request: Micros
    day: Micros
    month: Micros


@final
class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent in the day and the month that it is now; `reserved` is under way."""

    day: Micros = Micros(0)
    month: Micros = Micros(0)
    reserved: Micros = Micros(0)


class Allowance(NamedTuple):
    """The most that one more request may cost, and which cap says so."""

    micros: Micros
    cap: CapName


def allowance(caps: Caps, spent: Spent) -> Allowance:
    """What is left for one request; never below 0."""
    left: dict[CapName, int] = {
        "request": caps.request,
        "day": caps.day - spent.day - spent.reserved,
        "month": caps.month - spent.month - spent.reserved,
    }
    name = min(left, key=lambda cap: left[cap])
    return Allowance(Micros(max(0, left[name])), name)


def cost_most(
    prices: tuple[Micros, Micros, Micros],
    *,
    context: int,
    max_tokens: int | None,
) -> Micros:
    """The most that one answer can cost by these prices, whatever its prompt: rounded up.

    `prices` are micros for a million tokens: input, cached input, output.
    """
    answer = context if max_tokens is None else min(max_tokens, context)
    total = context * max(prices[0], prices[1]) + answer * prices[2]
    return Micros(-(-total // MILLION))


def missing(
    bounds: Quote,
    *,
    context: int,
    is_spending: bool,
    is_trusted: bool,
    left: Micros,
    available: Micros,
) -> Missing:
    """What a whole answer within these bounds of its cost would want; "" where it is all there.

    `is_trusted`: a machine that lends the model may read the request. `context` is the model's in
    tokens, `left` what the owner's caps leave, `available` what the account has and nobody holds.
    """
    if not is_spending:
        return "spending"
    if not is_trusted:
        return "trust"
    if bounds.prompt + bounds.answer_max > context:
        return "context"
    if bounds.most > left:
        return "cap"
    return "balance" if bounds.most > available else ""


def cap_words(cap: CapName) -> str:
    """Which limit it was: "the limit of a day"."""
    return {
        "request": "the limit of one request",
        "day": "the limit of a day",
        "month": "the limit of a month",
    }[cap]
