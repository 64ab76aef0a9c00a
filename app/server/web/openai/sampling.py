"""Sampling: a request's parameters as the engine's, ranges already checked by the Structs.

What the client leaves out has the default of wire.engine.Sampling, which is llama.cpp's.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.server.web.invalid import invalid
from app.wire.engine import Sampling
from app.wire.openai.request import Bias, SamplingRequest

_RANDOM_SEED: Final = 2**32 - 1
"""llama.cpp's word for "draw one"; it must never come out of a folded seed."""

_OTHERWISE: Final = frozenset({"logit_bias", "seed", "top_k", "dry_sequence_breakers"})
"""Fields that are not simply copied."""

_COPIED: Final = tuple(
    name
    for name in Sampling.__struct_fields__
    if name in SamplingRequest.__struct_fields__ and name not in _OTHERWISE
)

_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")

WORDS_MAX: Final = 256
"""Each costs a question to the engine."""

WordTokens = Mapping[str, list[int]]
"""The tokens of each word that `logit_bias` names by its text."""


def sampling_of(request: SamplingRequest, words: WordTokens, *, vocabulary: int) -> Sampling:
    """The engine's parameters. `words` must hold every one of `bias_words(request)`.

    Raises: RequestError for a bias that is no bias, or on a token that the model has not.
    """
    chosen: dict[str, object] = {
        name: value for name in _COPIED if (value := getattr(request, name)) is not None
    }
    if request.top_k is not None:
        chosen["top_k"] = max(request.top_k, 0)
    if request.dry_sequence_breakers is not None:
        chosen["dry_sequence_breakers"] = tuple(request.dry_sequence_breakers)
    if request.logit_bias:
        chosen["logit_bias"] = _biases(request, words, vocabulary)
    return Sampling(seed=_seed(request.seed), **chosen)  # type: ignore[arg-type]  # by name


def bias_words(request: SamplingRequest) -> list[str]:
    """The texts in `logit_bias` that must be tokenised before `sampling_of`, without repeats.

    Raises: RequestError when there are more than an engine should be asked for one request.
    """
    texts = {token for token, _ in _pairs(request) if isinstance(token, str)}
    words = sorted(text for text in texts if not _NUMBER.fullmatch(text))
    if len(words) > WORDS_MAX:
        raise invalid("logit_bias", f"at most {WORDS_MAX} tokens can be named by their text")
    return words


def _seed(seed: int | None) -> int | None:
    """Equal seeds stay equal; all are folded into llama.cpp's 32 bits. -1 draws one."""
    if seed is None or seed in (-1, _RANDOM_SEED):
        return None
    return seed % _RANDOM_SEED


def _pairs(request: SamplingRequest) -> list[tuple[int | str, Bias]]:
    bias = request.logit_bias
    if bias is None:
        return []
    return list(bias.items()) if isinstance(bias, dict) else bias


def _biases(
    request: SamplingRequest, words: WordTokens, vocabulary: int
) -> tuple[tuple[int, float], ...]:
    biases: dict[int, float] = {}
    for token, bias in _pairs(request):
        if bias is True:
            raise invalid("logit_bias", "a bias is a number, or false to ban the token")
        value = float("-inf") if bias is False else float(bias)
        is_word = isinstance(token, str) and not _NUMBER.fullmatch(token)
        ids = words[str(token)] if is_word else [int(token)]
        for each in ids:
            if not 0 <= each < vocabulary:
                raise invalid(
                    "logit_bias", f"token {each} is not in the model's vocabulary of {vocabulary}"
                )
            biases[each] = value
    return tuple(biases.items())
