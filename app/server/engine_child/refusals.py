"""Refusals: a `Refused` of the engine as the error it was there."""

from typing import Final

from app.core.base.errors import (
    AthanorError,
    Busy,
    ContextExceeded,
    EngineFailed,
    InvalidGrammar,
    RequestError,
    TemplateFailed,
    TooLarge,
    Unsupported,
)
from app.wire.engine import Refused

_REQUEST_ERRORS: Final = {
    error.kind: error
    for error in (RequestError, TemplateFailed, InvalidGrammar, TooLarge, Unsupported)
}


def error_of(refused: Refused) -> AthanorError:
    """The error to raise; an unknown kind is the engine's failure, not the caller's."""
    if refused.kind == ContextExceeded.kind:
        return ContextExceeded(
            prompt_tokens=refused.prompt_tokens,
            context=refused.context,
            field=refused.field or "messages",
            message="" if refused.prompt_tokens else refused.message,
            remedy=refused.remedy,
        )
    if refused.kind == Busy.kind:
        seconds = max(1, refused.retry_after_seconds)
        return Busy(refused.message, retry_after_seconds=seconds, remedy=refused.remedy)
    if refused.kind in _REQUEST_ERRORS:
        error = _REQUEST_ERRORS[refused.kind]
        return error(refused.message, field=refused.field, remedy=refused.remedy)
    return EngineFailed(refused.message, remedy=refused.remedy)
