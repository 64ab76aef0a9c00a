"""Endings: how a job ended badly, as the error that a caller is told."""

import math
from typing import Final

from app.core.base.errors import (
    AthanorError,
    Busy,
    ContextExceeded,
    CreditsShort,
    EngineFailed,
    InvalidGrammar,
    LimitReached,
    RequestError,
    TemplateFailed,
    TooLarge,
    Unserved,
    Unsupported,
)
from app.core.base.units import Micros
from app.core.pool.jobs.effects import End

_OF_THE_REQUEST: Final = {
    error.kind: error
    for error in (RequestError, TemplateFailed, InvalidGrammar, TooLarge, Unsupported)
}
_LATER: Final = {error.kind: error for error in (Busy, Unserved, LimitReached)}

RETRY_SECONDS: Final = 10
"""Where nothing better is known: machines of members come and go by the minute."""

_REMEDY: Final = "Try again, or ask for another model: GET /v1/models shows what is served now."


def error_of_end(end: End) -> AthanorError | None:
    """The error; None where the answer stands, also where it was cut by `max_tokens` or balance."""
    if not end.kind:
        return None
    seconds = max(1, math.ceil(end.retry_after_seconds or RETRY_SECONDS))
    if end.kind == CreditsShort.kind:
        return CreditsShort(
            needed=end.needed or Micros(0), available=end.available or Micros(0), remedy=end.message
        )
    if end.kind in _LATER:
        return _LATER[end.kind](end.message, retry_after_seconds=seconds, remedy=_REMEDY)
    if end.kind == ContextExceeded.kind:
        # What workers found, such as of one input of several: how long it is, nobody here counted.
        return ContextExceeded(prompt_tokens=0, context=0, field=None, message=end.message)
    if end.kind in _OF_THE_REQUEST:
        return _OF_THE_REQUEST[end.kind](end.message)
    return EngineFailed(end.message, remedy="Send the request again.")
