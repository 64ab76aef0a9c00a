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
    needed_micros: int | UnsetType = UNSET
    """402: what a pool would hold for the beginning of the answer, in millionths of a credit."""
    available_micros: int | UnsetType = UNSET
    """402: what of the balance is not held for other requests."""
    retry_after_seconds: int | UnsetType = UNSET
    """429 and 503: as in the header Retry-After."""
    remedy: str | UnsetType = UNSET
    """What would work, for a program that shows it apart; `message` ends with it too."""


class ErrorAnswer(Answer, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: ErrorDetail
