"""Result: how a command to the books ended.

Ordered: where several would apply, the lowest is answered, so that the answer to a wrong command
does not depend on how it was checked. Up to `EXISTS` what was asked is in the books; a refusal
changed nothing, left nothing behind, and the same command may be given again.

Theory: TigerBeetle, "Two-phase transfers"; its results are typed and ordered for the same reason.
"""

from enum import IntEnum, unique
from typing import final

import msgspec

from app.core.base.units import Micros


@final
@unique
class Result(IntEnum):
    """The end of one command."""

    DONE = 0
    """It is in the books now."""
    EXISTS = 1
    """It was there before, with the same fields; nothing changed."""
    EXISTS_WITH_DIFFERENT_FIELDS = 2
    """Its id belongs to another command."""
    ID_INVALID = 3
    """Empty, longer than `commands.ID_LENGTH_MAX`, or with blanks or control characters."""
    AMOUNT_OUT_OF_RANGE = 4
    """Negative, zero where something must move, or above `commands.AMOUNT_MAX`."""
    TIME_OUT_OF_RANGE = 5
    """A moment or a duration that is negative, or above `commands.TIME_MAX`."""
    ACCOUNT_UNSUITABLE = 6
    """Owner missing or too much, the same account twice, a hold on an account without lots, or a
    source of credits missing or too much."""
    POSTINGS_UNBALANCED = 7
    """They do not sum to zero, take from others than payer and fund, or are too many."""
    HOLD_NOT_FOUND = 8
    HOLD_ALREADY_POSTED = 9
    HOLD_ALREADY_VOIDED = 10
    HOLD_EXPIRED = 11
    """Its deadline has passed; for a settlement also the time for late claims."""
    HOLD_NOT_DUE = 12
    """Its deadline has not passed, so it does not expire."""
    EXCEEDS_HOLD = 13
    """A settlement takes more from the payer than was held."""
    LOT_NOT_FOUND = 14
    LOT_NOT_DUE = 15
    """It has no end, or the end has not come, so it does not lapse."""
    EXCEEDS_LOT = 16
    """More is taken back than was ever put into the lot and not yet taken back."""
    INSUFFICIENT_CREDITS = 17
    """The account has less available; the outcome says how much."""
    BALANCE_OUT_OF_RANGE = 18
    """A balance would pass `commands.BALANCE_MAX`."""

    @property
    def is_in_books(self) -> bool:
        """Whether what was asked stands in the books."""
        return self <= Result.EXISTS


@final
class Outcome(msgspec.Struct, frozen=True):
    """The end of a command, with the numbers that a caller needs next."""

    result: Result
    amount: Micros = Micros(0)
    """What moved: held by this step, posted from the payer, returned, taken back. On EXISTS as the
    first time, 0 on a refusal."""
    available: Micros = Micros(0)
    """What the account that is held or pays has free after it; on INSUFFICIENT_CREDITS too. On
    EXISTS it is what it has now. 0 where no account of a user is concerned."""
