"""Speed: how many tokens a second a model will decode, before it is here, and as measured since.

A token of an answer needs every weight in use once, and the keys and values of what was said so
far. Computing with them is quicker than reading them, so time is bytes read over bandwidth, device
after device, since layers follow each other. Assumed besides:

- one answer at a time, with `CONTEXT_ASSUMED` tokens before it;
- a device reads at `READING_SHARE` of its bandwidth: the rest goes to scattered blocks and waiting;
- each layer on a GPU costs `LAYER_SECONDS` to start, which is what limits small models there;
- of experts, those that a token uses are read, the rest is not;
- speculation gains nothing.

Reading a prompt is limited by arithmetic, which no fact here tells, so nothing is said of it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

import msgspec

from app.core.models.card import ModelCard
from app.core.models.layout import Need

CONTEXT_ASSUMED: Final = 1024

READING_SHARE: Final = 0.75
"""Between what llama.cpp reaches on CPUs (0.6 to 0.9 of a copy's speed) and on GPUs."""

LAYER_SECONDS: Final = 30e-6
"""Some ten kernels a layer, a few microseconds each."""

TOKENS_COUNTED_MIN: Final = 16
"""A shorter answer tells more of its beginning than of its speed."""

TOKENS_WEIGHED_MAX: Final = 4000
"""What the past may weigh, in tokens, so that a new driver or a new plan shows soon."""

ASSUMPTIONS: Final = (
    f"One answer at a time after {CONTEXT_ASSUMED} tokens; weights in use and context read once a "
    f"token at {READING_SHARE:.0%} of the measured memory bandwidth."
)
"""What stands beside an expected speed."""


@final
class MeasuredSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """The running mean of one model on this machine, and how many tokens it stands for."""

    tokens_per_second: float
    tokens: int


def expected_speed(
    card: ModelCard, needs: Sequence[Need], bandwidths: Mapping[str, float]
) -> float | None:
    """Tokens a second of a load with these needs; None where a device's bandwidth is not known.

    `bandwidths` are bytes a second by the names in `needs`. Embedding models decode nothing.
    """
    if card.is_embedding or not card.layers:
        return None
    kept = CONTEXT_ASSUMED * card.kv_bytes_per_token() / len(card.layers)
    seconds = 0.0
    for need in needs:
        layers = min(max(0, need.layers - (need.kind != "cpu")), len(card.layers))
        weights = _read(card, need) * _share_in_use(card)
        if not weights and not layers:
            continue
        bandwidth = bandwidths.get(need.name)
        if not bandwidth:
            return None
        seconds += (weights + kept * layers) / (bandwidth * READING_SHARE)
        seconds += LAYER_SECONDS * layers if need.kind != "cpu" else 0.0
    return 1 / seconds if seconds else None


def _read(card: ModelCard, need: Need) -> int:
    """Weights of a device that a token needs. Of the input, one row of the table is read."""
    if need.kind != "cpu":
        return need.weights
    is_whole = need.layers > len(card.layers)
    return max(0, need.weights - card.input_bytes) + (card.tied_bytes if is_whole else 0)


def _share_in_use(card: ModelCard) -> float:
    """Of all weights in layers, what one token reads: all but the experts that it does not use."""
    if not card.experts or not card.expert_bytes or not card.weight_bytes:
        return 1.0
    idle = card.expert_bytes * (1 - card.experts_used / card.experts)
    return max(0.0, 1 - idle / card.weight_bytes)


def with_sample(known: MeasuredSpeed | None, tokens: int, seconds: float) -> MeasuredSpeed | None:
    """The running mean after an answer of so many tokens, decoded in so many seconds.

    Each token weighs alike, the past at most `TOKENS_WEIGHED_MAX` of them. An answer that is too
    short to tell changes nothing.
    """
    if tokens < TOKENS_COUNTED_MIN or seconds <= 0:
        return known
    if known is None:
        return MeasuredSpeed(tokens_per_second=tokens / seconds, tokens=tokens)
    past = min(known.tokens, TOKENS_WEIGHED_MAX)
    # The mean of a speed over tokens is that of the time for each.
    each = (past / known.tokens_per_second + seconds) / (past + tokens)
    return MeasuredSpeed(tokens_per_second=1 / each, tokens=past + tokens)
