"""Text completions, the older API: `POST /v1/completions`."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from app.wire.openai.answer import Answer, PromptProgress, Timings, Usage
from app.wire.openai.request import CHOICES_MAX, INT32_MAX, TOP_LOGPROBS_MAX, GenerationRequest

PROMPTS_MAX: Final = 128
"""Prompts of one request, and prompts times `n`."""

TokenId = Annotated[int, Meta(ge=0, le=INT32_MAX)]
Prompts = str | list[str | TokenId | list[TokenId]]
"""A text, tokens, or a list of texts or of token lists; not a mixture."""


class CompletionRequest(GenerationRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Every parameter of OpenAI's completions API, and llama.cpp's."""

    prompt: Prompts
    suffix: str | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=TOP_LOGPROBS_MAX)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None


class TextLogprobs(Answer, frozen=True, kw_only=True):
    """Lists of equal length, one entry a token. Offsets count characters of `text`."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


TextFinishReason = Literal["stop", "length", "content_filter"]


class TextChoice(Answer, frozen=True, kw_only=True):
    """One answer, or in a stream a piece of one."""

    index: int
    text: str
    logprobs: TextLogprobs | None = None
    finish_reason: TextFinishReason | None = None


class TextCompletion(Answer, frozen=True, kw_only=True):
    """The whole answer, or a chunk of it: the older API has one shape for both."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage | UnsetType | None = UNSET
    timings: Timings | UnsetType = UNSET
    prompt_progress: PromptProgress | UnsetType = UNSET
