"""Lengths: how long an answer will be, by how long such answers were.

`max_tokens` says what a caller would put up with, not what it gets: most answers end by themselves
long before. What a key got of a model is the best guess, then what the model gave to all.

An answer that was cut at its limit would have been longer, nobody knows by how much. It teaches
that answers are at least so long: it lifts an average that is below it and never lowers one, or
else whoever asks for one token once is taken for somebody who always gets one.
"""

from collections import OrderedDict
from typing import Final, final

UNKNOWN_TOKENS: Final = 256
WEIGHT: Final = 0.1
KEPT_MAX: Final = 10_000
"""Pairs of key and model: the ones that were quiet for longest are forgotten first."""
MARGIN: Final = 1.25
"""Above the average: half of all answers are longer than it."""
_UNSEEN: Final = UNKNOWN_TOKENS / MARGIN
"""The average that stands for none."""


@final
class Lengths:
    """Moving averages of tokens of answer."""

    def __init__(self) -> None:
        self._averages: OrderedDict[tuple[str, str], float] = OrderedDict()

    def expected(self, key: str, model: str, tokens_max: int | None) -> int:
        """Tokens of answer to reckon with, at least 1 and at most `tokens_max`."""
        average = self._averages.get((key, model)) or self._averages.get(("", model))
        tokens = UNKNOWN_TOKENS if average is None else int(average * MARGIN) + 1
        return max(1, tokens if tokens_max is None else min(tokens, tokens_max))

    def observe(self, key: str, model: str, tokens: int, *, is_cut: bool = False) -> None:
        """An answer ended by itself, or was cut at the length that its caller or the context set.

        One that ended otherwise, as by its caller who left, teaches nothing.
        """
        for name in {key, ""}:
            before = self._averages.get((name, model))
            if is_cut and tokens <= (_UNSEEN if before is None else before):
                continue
            after = float(tokens) if before is None else before + WEIGHT * (tokens - before)
            self._averages[name, model] = after
            self._averages.move_to_end((name, model))
        while len(self._averages) > KEPT_MAX:
            self._averages.popitem(last=False)
