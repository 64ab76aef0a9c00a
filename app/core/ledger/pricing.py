"""Pricing: what tokens cost, by prices that a host's operator wrote into prices.toml.

Prices are whole micros for a million tokens. A sum of tokens times prices is exact in millionths of
a micro; it is rounded once, half to even, when it is charged, and upwards when it is held.

A model that the file does not list is not offered: the host counts only what it can count.
"""

from typing import Final, final

import msgspec

from app.core.base.units import Micros

MILLION: Final = 1_000_000
PRICE_MAX: Final = Micros(10**12)
"""A million credits for a million tokens: above it somebody typed too many zeros."""


@final
class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Micros for a million tokens."""

    input: Micros
    cached_input: Micros
    """For the beginning of a prompt that the worker still had."""
    output: Micros

    def exactly(self, *, prompt: int = 0, cached: int = 0, answer: int = 0) -> int:
        """The cost in millionths of a micro. `cached` of the `prompt` tokens were cached."""
        assert 0 <= cached <= prompt and answer >= 0
        return (prompt - cached) * self.input + cached * self.cached_input + answer * self.output

    def cost(self, *, prompt: int = 0, cached: int = 0, answer: int = 0) -> Micros:
        """What that is charged: rounded once, half to even."""
        return rounded(self.exactly(prompt=prompt, cached=cached, answer=answer))

    def to_hold(self, *, prompt: int = 0, answer: int = 0) -> Micros:
        """What must be held for that: rounded up, as if nothing were cached.

        The sum over a prompt and windows of answer is never below what all is charged together.
        """
        dearest = max(self.input, self.cached_input)
        return Micros(-(-(prompt * dearest + answer * self.output) // MILLION))


@final
class Shares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets how much of what a job costs, in percent; together 100."""

    worker: int
    fee: int
    fund: int
    """Into the fund that pays for what nobody else pays."""


@final
class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a request will cost, before it is made; nothing is held for it."""

    prompt: int
    answer_max: int
    least: Micros
    """With the whole prompt cached and no answer."""
    most: Micros
    """With nothing cached and the longest answer."""


def quote(prices: Prices, *, prompt: int, answer_max: int) -> Quote:
    """The bounds of the cost of so many tokens."""
    return Quote(
        prompt=prompt,
        answer_max=answer_max,
        least=prices.cost(prompt=prompt, cached=prompt),
        most=prices.cost(prompt=prompt, answer=answer_max),
    )


def rounded(exact: int) -> Micros:
    """Millionths of a micro as micros, half to even. `exact` >= 0."""
    whole, rest = divmod(exact, MILLION)
    if rest * 2 > MILLION or (rest * 2 == MILLION and whole % 2 == 1):
        whole += 1
    return Micros(whole)
