"""Rates: whether something happens oftener on one machine than chance allows. Pure arithmetic.

Callers differ: one always asks for ten tokens, another for poems that loop. So a machine is held
against what *other* machines gave *the same callers* with the same model, and only there.

Theory: of independent trials with the mean chance p, k or more of n succeed with a probability of
at most exp(-n * D(k/n || p)), where D is the relative entropy (Chernoff; Hoeffding 1963, theorem 1,
for trials of different chances). It is an upper bound: a small figure here is small in truth.
"""

import math
from collections.abc import Mapping
from typing import Final, final

import msgspec

OTHERS_MIN: Final = 20
"""Trials of others, of one caller, below which nothing is known of that caller."""

_PRIOR_ODD: Final = 3
_PRIOR: Final = 4
"""Added to what others did, so that a short lucky row of theirs accuses nobody."""


@final
class Tally(msgspec.Struct, frozen=True):
    """How often it was looked, and how often it was odd."""

    seen: int = 0
    odd: int = 0

    def with_one(self, *, is_odd: bool, most: int) -> "Tally":
        """One trial more; past `most` the past weighs half."""
        if self.seen >= most:
            return Tally(self.seen // 2 + 1, self.odd // 2 + is_odd)
        return Tally(self.seen + 1, self.odd + is_odd)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.seen + other.seen, self.odd + other.odd)


def chance(odd: int, seen: int, expected: float) -> float:
    """At most how likely it is that of `seen` trials `odd` or more are odd, 1 where no more are
    than is to be expected.
    """
    if seen == 0 or odd <= seen * expected:
        return 1.0
    share = odd / seen
    entropy = share * math.log(share / expected)
    if share < 1:
        entropy += (1 - share) * math.log((1 - share) / (1 - expected))
    return math.exp(-seen * entropy)


def chance_beside(own: Mapping[str, Tally], others: Mapping[str, Tally]) -> float:
    """How likely a machine's odd results are, were it like the others. Both by caller.

    Callers of whom others saw too little do not count; 1 where none is left.
    """
    known = {
        caller: tally
        for caller, tally in own.items()
        if others.get(caller, Tally()).seen >= OTHERS_MIN
    }
    total = sum(known.values(), Tally())
    if not total.seen:
        return 1.0
    expected = 0.0
    for caller, tally in known.items():
        other = others[caller]
        expected += tally.seen * (other.odd + _PRIOR_ODD) / (other.seen + _PRIOR)
    return chance(total.odd, total.seen, min(expected / total.seen, 1 - 1e-12))
