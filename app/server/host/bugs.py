"""Bugs: what is written down, and told, of an error that nobody foresaw, where one is caught.

Rule: its text is not logged, since it may quote somebody; only a failed law of ours cannot.
"""

import logging
from typing import Final

from app.core.base.errors import AthanorError

log = logging.getLogger(__name__)

INTERNAL: Final = "Something went wrong inside the pool; its log says where."


def note_bug(what: str, error: Exception, **fields: object) -> None:
    """A line in the log, with the kind of the error and without its words."""
    words = error if isinstance(error, AssertionError) else None
    log.error(what, extra={**fields, "error": type(error).__name__}, exc_info=words)


def internal_error() -> AthanorError:
    """What whoever asked is told of it."""
    return AthanorError(INTERNAL, remedy="Send the request again.")
