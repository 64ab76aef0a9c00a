"""The one shape of every error: `{"error": {...}}`, whole or as an event of a stream."""

from msgspec import UNSET, UnsetType

from app.wire.openai.answer import Answer


class ErrorDetail(Answer, frozen=True, kw_only=True):
    """What went wrong, in words for a person, and for a program."""

    message: str
    type: str
    param: str | None = None
    """The path of the wrong field: `messages[0].content`."""
    code: str | None = None
    n_prompt_tokens: int | UnsetType = UNSET
    n_ctx: int | UnsetType = UNSET


class ErrorAnswer(Answer, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: ErrorDetail
