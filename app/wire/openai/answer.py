"""Answers: what chat and text completions share: usage, timings, progress."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what clients get. Its repr is its name, as a request's is."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class PromptDetails(Answer, frozen=True, kw_only=True):
    """Of the prompt's tokens."""

    cached_tokens: int = 0


class CompletionDetails(Answer, frozen=True, kw_only=True):
    """Of the answer's tokens."""

    reasoning_tokens: int = 0


class Usage(Answer, frozen=True, kw_only=True):
    """Tokens of the whole request, all choices together; the prompt counts once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()
    cost_micros: int | UnsetType = UNSET
    """Where a pool answered: millionths of a credit."""
    is_out_of_credits: bool | UnsetType = UNSET
    """True where a pool cut the answer short: the balance or a limit in credits was at its end."""


class Timings(Answer, frozen=True, kw_only=True):
    """llama.cpp's figures of one request. A rate is 0 where no time was measured."""

    cache_n: int
    """Prompt tokens that needed no work."""
    prompt_n: int
    """Prompt tokens that were computed."""
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float
    draft_n: int | UnsetType = UNSET
    draft_n_accepted: int | UnsetType = UNSET


class PromptProgress(Answer, frozen=True, kw_only=True):
    """How far the prompt is read: `cache` of `total` needed no work, `processed` are done."""

    total: int
    cache: int
    processed: int
    time_ms: float


FinishReason = Literal["stop", "length", "tool_calls", "function_call", "content_filter"]
