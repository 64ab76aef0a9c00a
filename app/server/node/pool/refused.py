"""Refused: a refusal that came through the pool, as the error that a client of this node gets."""

from typing import Final

from app.core.base.errors import (
    AthanorError,
    Busy,
    CreditsShort,
    EngineFailed,
    Forbidden,
    LimitReached,
    ModelNotFound,
    Paused,
    RequestConflict,
    Unserved,
)
from app.core.base.units import Micros
from app.core.member.caps import Allowance, Caps, cap_words
from app.core.member.credits import credits_text
from app.server.engine_child.refusals import error_of
from app.wire.engine import Refused

NOTHING: Final = Micros(0)


def pool_error(refused: Refused) -> AthanorError:
    """The error to raise. What is no error of ours counts as the pool's failure."""
    message, remedy = refused.message, refused.remedy
    seconds = max(1, refused.retry_after_seconds)
    match refused.kind:
        case Unserved.kind:
            return Unserved(message, retry_after_seconds=seconds, remedy=remedy)
        case LimitReached.kind:
            return LimitReached(message, retry_after_seconds=seconds, remedy=remedy)
        case RequestConflict.kind:
            return RequestConflict(message, remedy=remedy)
        case Forbidden.kind:
            return Forbidden(message, remedy=remedy)
        case ModelNotFound.kind:
            return ModelNotFound("", reason=message)
        case CreditsShort.kind:
            return _short(message, remedy=remedy)
        case Paused.kind:
            return Busy(message, retry_after_seconds=seconds, remedy=remedy)
        case EngineFailed.kind:
            return EngineFailed(message, remedy=remedy)
        case _:
            return error_of(refused)


def cap_reached(caps: Caps, left: Allowance) -> CreditsShort:
    """The owner allows no more."""
    cap = {"request": caps.request, "day": caps.day, "month": caps.month}[left.cap]
    return _short(
        f"this node may spend no more in its pool: {cap_words(left.cap)} is "
        f"{credits_text(cap)} credits, of which {credits_text(left.micros)} are left",
        available=left.micros,
        remedy=f"Its owner can raise pool.spend_{left.cap}_max in the settings.",
    )


def _short(message: str, *, available: Micros = NOTHING, remedy: str) -> CreditsShort:
    """402 in the words of who refused, which say more than the numbers."""
    short = CreditsShort(needed=Micros(0), available=available, remedy=remedy)
    short.message, short.args = message, (message,)
    return short
