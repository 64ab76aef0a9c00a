"""Refusals: what a download child could not do, as an error of the one tree."""

from typing import Final

from app.core.base.errors import (
    AccessNeeded,
    AthanorError,
    Busy,
    DiskFull,
    HubRefused,
    HubUnreachable,
    RemoteNotFound,
)
from app.wire.download import Failed

_BUSY_SECONDS: Final = 60


def error_of(failure: Failed) -> AthanorError:
    """The error that a question's failure is told by."""
    message, remedy = failure.message, failure.remedy
    match failure.kind:
        case "unreachable":
            return HubUnreachable(message, remedy=remedy)
        case "not_found":
            return RemoteNotFound(message, remedy=remedy)
        case "access":
            return AccessNeeded(message, remedy=remedy)
        case "busy":
            return Busy(message, retry_after_seconds=_BUSY_SECONDS, remedy=remedy)
        case "disk_full" | "folder":
            return DiskFull(message, remedy=remedy)
        case "content" | "refused":
            return HubRefused(message, remedy=remedy)
