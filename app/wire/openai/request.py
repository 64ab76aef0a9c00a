"""Requests: what chat and text completions share: sampling, limits, streaming.

Requests are lax where clients differ (null is absent, unknown fields are skipped) and strict where
a mistake would change the answer: every number has its range here, so that a wrong one is refused
by name before anything is computed. JSON cannot say NaN or Infinity, and msgspec refuses both.

Rule: a field of a request is either honoured, refused by name (server/web/openai/refused.py) or
listed as ignored in docs/api.md; a test holds the three lists together.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

CHOICES_MAX: Final = 16
"""Most answers to one prompt (`n`): each holds cells for its whole answer."""
STOPS_MAX: Final = 64
"""OpenAI allows 4; local clients send a dozen."""
TOP_LOGPROBS_MAX: Final = 20
INT32_MAX: Final = 2**31 - 1

Count = Annotated[int, Meta(ge=0, le=INT32_MAX)]
CountOrAll = Annotated[int, Meta(ge=-1, le=INT32_MAX)]
"""-1 says: no limit."""
Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Factor = Annotated[float, Meta(gt=0, le=1_000_000)]
Positive = Annotated[float, Meta(ge=0, le=1_000_000)]
Stop = Annotated[str, Meta(max_length=1024)]
Bias = float | bool
"""Added to the logit; False bans the token."""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what clients send. Its repr is its name: the fields are a user's words."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class StreamOptions(Request, frozen=True, kw_only=True, omit_defaults=True):
    """How to stream. `include_obfuscation` is ignored: nothing here pads chunks."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ModelRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request to one model, by any of its names; none or "" asks for the default one."""

    model: Annotated[str, Meta(max_length=1024)] | None = None
    keep_alive: str | float | None = None
    """How long the model stays loaded afterwards: seconds, "5m", 0 at once, -1 for ever."""
    ttl: Annotated[int, Meta(ge=-1, le=INT32_MAX)] | None = None
    """The same in seconds, as LM Studio's clients say it."""
    provider: dict[str, object] | None = None
    """What is wanted of the way through a pool: see core/pool/wishes."""


class SamplingRequest(ModelRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Sampling by llama.cpp's names; what is absent has wire.engine.Sampling's default."""

    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Probability | None = None
    top_k: CountOrAll | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    top_n_sigma: Annotated[float, Meta(ge=-1, le=1_000_000)] | None = None
    xtc_probability: Probability | None = None
    xtc_threshold: Probability | None = None
    dynatemp_range: Positive | None = None
    dynatemp_exponent: Factor | None = None
    repeat_penalty: Factor | None = None
    repeat_last_n: CountOrAll | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    dry_multiplier: Positive | None = None
    dry_base: Annotated[float, Meta(ge=1, le=1_000_000)] | None = None
    dry_allowed_length: Count | None = None
    dry_penalty_last_n: CountOrAll | None = None
    dry_sequence_breakers: Annotated[list[Stop], Meta(max_length=STOPS_MAX)] | None = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None = None
    mirostat_tau: Positive | None = None
    mirostat_eta: Positive | None = None
    min_keep: Count | None = None
    logit_bias: dict[str, Bias] | list[tuple[int | str, Bias]] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    ignore_eos: bool | None = None


class GenerationRequest(SamplingRequest, frozen=True, kw_only=True, omit_defaults=True):
    """What every request for text may say besides its prompt."""

    max_tokens: CountOrAll | None = None
    n_predict: CountOrAll | None = None
    stop: Stop | Annotated[list[Stop], Meta(max_length=STOPS_MAX)] | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    cache_prompt: bool | None = None
    return_progress: bool | None = None
    timings_per_token: bool | None = None
    grammar: Annotated[str, Meta(max_length=1_000_000)] | None = None
    json_schema: dict[str, object] | bool | None = None
    user: str | None = None
