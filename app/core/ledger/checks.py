"""Checks: what is wrong with a command as it stands, before the books are asked.

Each gives the lowest result that applies, or None. Every amount, time and id that comes from
outside passes here, so that a figure nobody can mean is refused with a word instead of being
summed up.
"""

from app.core.base.units import Microseconds
from app.core.ledger.accounts import KINDS, OWNED, LedgerAccount
from app.core.ledger.commands import (
    AMOUNT_MAX,
    ID_LENGTH_MAX,
    POSTINGS_MAX,
    TIME_MAX,
    AnyCommand,
    Clawback,
    Expire,
    Extend,
    Lapse,
    Posting,
    Reserve,
    Settle,
    Transfer,
    Void,
)
from app.core.ledger.lots import SOURCES
from app.core.ledger.result import Result

NEVER_ASKED = frozenset({"debt"})
"""Kinds that only a clawback and what comes in after it may touch."""
MAY_GIVE = frozenset({"user", "fund"})
"""Kinds that a settlement may take from."""


def fault(command: AnyCommand) -> Result | None:
    """What is wrong with the command by itself; None where nothing is."""
    if not is_id(command.id) or not is_text(_about(command)):
        return Result.ID_INVALID
    return _amount_fault(command) or _time_fault(command) or _account_fault(command)


def is_id(text: str) -> bool:
    """Whether a text can be an id or an owner: short, printable, without blanks."""
    return 0 < len(text) <= ID_LENGTH_MAX and text.isprintable() and " " not in text


def is_text(text: str) -> bool:
    """Whether a text can stand beside an event: short and printable, or empty."""
    return len(text) <= ID_LENGTH_MAX and (not text or text.isprintable())


def _about(command: AnyCommand) -> str:
    return command.about if isinstance(command, Transfer | Reserve | Clawback) else ""


def _amount_fault(command: AnyCommand) -> Result | None:
    match command:
        case Transfer() | Clawback():
            fine = _is_amount(command.amount) and command.amount > 0
        case Reserve() | Extend():
            least = command.amount if command.least is None else command.least
            fine = _is_amount(command.amount) and 0 <= least <= command.amount
        case Settle():
            fine = all(_is_amount(abs(p.amount)) and p.amount for p in command.postings)
        case Void() | Expire() | Lapse():
            fine = True
    return None if fine else Result.AMOUNT_OUT_OF_RANGE


def _time_fault(command: AnyCommand) -> Result | None:
    times: list[Microseconds] = [command.at]
    if isinstance(command, Reserve | Extend):
        times.append(command.timeout)
    if isinstance(command, Reserve):
        times.append(command.claim)
    if isinstance(command, Transfer) and command.expires_at is not None:
        times.append(command.expires_at)
    return None if all(_is_time(time) for time in times) else Result.TIME_OUT_OF_RANGE


def _account_fault(command: AnyCommand) -> Result | None:
    match command:
        case Transfer():
            fine = _is_possible(command)
        case Reserve():
            fine = command.account.has_lots and _may_be_asked(command.account)
        case Settle():
            fine = all(_may_be_asked(posting.account) for posting in command.postings)
            if fine and not _are_balanced(command.postings):
                return Result.POSTINGS_UNBALANCED
        case _:
            fine = True
    return None if fine else Result.ACCOUNT_UNSUITABLE


def _is_possible(transfer: Transfer) -> bool:
    payer, payee = transfer.payer, transfer.payee
    if payer == payee or not (_may_be_asked(payer) and _may_be_asked(payee)):
        return False
    if payee.has_lots:
        return transfer.source in SOURCES
    return transfer.source is None and transfer.expires_at is None and transfer.is_transferable


def _are_balanced(postings: tuple[Posting, ...]) -> bool:
    """Whether postings sum to zero and take from nobody who does not pay for jobs."""
    return (
        len(postings) <= POSTINGS_MAX
        and sum(posting.amount for posting in postings) == 0
        and all(p.amount > 0 or p.account.kind in MAY_GIVE for p in postings)
    )


def are_of(payer: LedgerAccount, postings: tuple[Posting, ...]) -> bool:
    """Whether of all users only the payer gives, in at most one posting, and gets nothing."""
    users = [posting for posting in postings if posting.account.has_lots]
    return (
        all((posting.amount < 0) == (posting.account == payer) for posting in users)
        and sum(posting.account == payer for posting in users) <= 1
    )


def _is_amount(amount: int) -> bool:
    # A bool is an int to Python, and a float compares well with both: neither is money.
    return type(amount) is int and 0 <= amount <= AMOUNT_MAX


def _is_time(time: int) -> bool:
    return type(time) is int and 0 <= time <= TIME_MAX


def _may_be_asked(account: LedgerAccount) -> bool:
    """Whether such an account exists and commands may name it."""
    if account.kind not in KINDS or account.kind in NEVER_ASKED:
        return False
    return is_id(account.owner) if account.kind in OWNED else account.owner == ""
