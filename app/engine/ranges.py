"""Ranges: what the numbers and lists of a request may be, wherever it came from.

OpenAI's routes check what their clients send. But a guest's request comes from another machine, as
the engine is asked, and a number out of range would be a fault in the middle of a step that serves
others too. So the last to look is the engine, and nothing here is narrower than at the routes.
"""

import math
from collections.abc import Sequence
from typing import Final

from app.core.base.errors import RequestError
from app.core.scheduling.sequence import Priority
from app.wire.engine import Generate

CHOICES_MAX: Final = 16
TOP_LOGPROBS_MAX: Final = 20
TEXTS_MAX: Final = 64
TEXT_CHARACTERS_MAX: Final = 1024
BIASES_MAX: Final = 1_000_000
"""More than any vocabulary has."""

GUEST_BREAKERS_MAX: Final = 8
GUEST_BREAKER_CHARACTERS_MAX: Final = 40
"""llama.cpp looks for each in the whole vocabulary, up to 0.2 s of a core, and cuts longer ones
off. The owner may take that time, a guest may not take it from the owner."""

_INT32_MAX: Final = 2**31 - 1
_LARGE: Final = 1_000_000.0

_SAMPLING: Final[dict[str, tuple[float, float]]] = {
    "temperature": (-1.0, 100.0),
    "top_k": (-1, _INT32_MAX),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "top_n_sigma": (-1.0, _LARGE),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dynatemp_range": (0.0, _LARGE),
    "dynatemp_exponent": (0.0, _LARGE),
    "repeat_last_n": (-1, _INT32_MAX),
    "repeat_penalty": (0.0, _LARGE),
    "presence_penalty": (-_LARGE, _LARGE),
    "frequency_penalty": (-_LARGE, _LARGE),
    "dry_multiplier": (0.0, _LARGE),
    "dry_base": (0.0, _LARGE),
    "dry_allowed_length": (0, _INT32_MAX),
    "dry_penalty_last_n": (-1, _INT32_MAX),
    "mirostat": (0, 2),
    "mirostat_tau": (0.0, _LARGE),
    "mirostat_eta": (0.0, _LARGE),
    "min_keep": (0, _INT32_MAX),
}
"""Field of `Sampling` -> least and greatest."""


def check(message: Generate) -> None:
    """Nothing, when all is in range. Raises: RequestError, naming the field."""
    _between("choices", message.choices, 1, CHOICES_MAX)
    if message.top_logprobs is not None:
        _between("top_logprobs", message.top_logprobs, 0, TOP_LOGPROBS_MAX)
    if message.max_tokens is not None:
        _between("max_tokens", message.max_tokens, 0, _INT32_MAX)
    _few("stop", message.stop)
    sampling = message.sampling
    for name, (least, greatest) in _SAMPLING.items():
        _between(name, getattr(sampling, name), least, greatest)
    breakers = sampling.dry_sequence_breakers
    if message.priority is Priority.GUEST:
        _few("dry_sequence_breakers", breakers, GUEST_BREAKERS_MAX, GUEST_BREAKER_CHARACTERS_MAX)
    _few("dry_sequence_breakers", breakers)
    if len(sampling.logit_bias) > BIASES_MAX:
        raise RequestError(f"more than {BIASES_MAX} tokens have a bias", field="logit_bias")
    if any(math.isnan(bias) for _, bias in sampling.logit_bias):
        raise RequestError("a bias is no number", field="logit_bias")


def _between(name: str, value: float, least: float, greatest: float) -> None:
    if not least <= value <= greatest:  # what is no number is not between either
        raise RequestError(f"{name} must be from {least:g} to {greatest:g}", field=name)


def _few(
    name: str, texts: Sequence[str], count: int = TEXTS_MAX, length: int = TEXT_CHARACTERS_MAX
) -> None:
    if len(texts) > count:
        raise RequestError(f"{name} may have {count} texts", field=name)
    if any(len(text) > length for text in texts):
        raise RequestError(f"a text of {name} may have {length} letters", field=name)
