"""Refusal: an error of the tree as it crosses the pipe; the server makes the same error of it."""

from app.core.base.errors import AthanorError, Busy, ContextExceeded, RequestError
from app.core.base.ids import RequestId
from app.wire.engine import Refused


def refusal(request: RequestId, error: AthanorError) -> Refused:
    """The error as it crosses the pipe."""
    length = error if isinstance(error, ContextExceeded) else None
    return Refused(
        request=request,
        kind=error.kind,
        message=error.message,
        field=error.field if isinstance(error, RequestError) else None,
        remedy=error.remedy,
        prompt_tokens=length.prompt_tokens if length else 0,
        context=length.context if length else 0,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Busy) else 0,
    )
