"""Decide: what becomes of a command, from the books as they are. Changes nothing.

    outcome, changes = decide(books, command)

The same commands in the same order give the same books, whoever keeps them.
"""

import hashlib
from typing import assert_never

import msgspec

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import FUND, MINT, LedgerAccount, debt
from app.core.ledger.books import Books
from app.core.ledger.changes import Decision, Event, EventKind, Hold, Recorded, Reservation
from app.core.ledger.checks import are_of, fault
from app.core.ledger.commands import (
    AnyCommand,
    Clawback,
    Expire,
    Extend,
    Lapse,
    LotId,
    Reserve,
    Settle,
    Transfer,
    Void,
)
from app.core.ledger.lots import ORIGIN
from app.core.ledger.posting import ZERO, Draft
from app.core.ledger.result import Outcome, Result


def apply(books: Books, command: AnyCommand) -> Decision:
    """Decide, and let the books be as after it."""
    decision = decide(books, command)
    if decision.changes is not None:
        books.take(decision.changes)
    return decision


def decide(books: Books, command: AnyCommand) -> Decision:
    """The outcome of a command and what it changes; a refusal changes nothing."""
    if (known := books.recorded(command.id)) is not None:
        return _again(books, command, known)
    if (wrong := fault(command)) is not None:
        return refused(wrong)
    match command:
        case Transfer():
            return _transfer(books, command)
        case Reserve():
            return _reserve(books, command)
        case Extend():
            return _extend(books, command)
        case Settle():
            return _settle(books, command)
        case Void() | Expire():
            return _close(books, command)
        case Clawback():
            return _claw_back(books, command)
        case Lapse():
            return _lapse(books, command)
        case _:
            assert_never(command)


def refused(result: Result, available: Micros = ZERO) -> Decision:
    """The end of a command that changes nothing."""
    return Decision(Outcome(result, ZERO, available), None)


def fingerprint(command: AnyCommand) -> bytes:
    """32 bytes of all fields but the time, by which the same command is known again."""
    timeless = msgspec.structs.replace(command, at=Microseconds(0))
    return hashlib.sha256(msgspec.msgpack.encode(timeless)).digest()


def _again(books: Books, command: AnyCommand, known: Recorded) -> Decision:
    if known.fingerprint != fingerprint(command):
        return refused(Result.EXISTS_WITH_DIFFERENT_FIELDS)
    account = _payer(books, command)
    available = books.available(account, command.at) if account is not None else ZERO
    return Decision(Outcome(Result.EXISTS, known.amount, available), None)


def _payer(books: Books, command: AnyCommand) -> LedgerAccount | None:
    """Whose `available` the outcome tells."""
    match command:
        case Transfer():
            users = [a for a in (command.payer, command.payee) if a.has_lots]
            return users[0] if users else None
        case Reserve():
            return command.account
        case Extend() | Settle() | Void() | Expire():
            hold = books.hold(command.hold)
            return hold.account if hold is not None else None
        case Clawback() | Lapse():
            lot = books.lot(command.lot)
            return lot.account if lot is not None else None
        case _:
            assert_never(command)


def _event(
    command: AnyCommand,
    kind: EventKind,
    amount: Micros,
    *,
    hold: Hold | None = None,
    lot: LotId | None = None,
    about: str = "",
) -> Event:
    return Event(
        id=command.id,
        kind=kind,
        at=command.at,
        fingerprint=fingerprint(command),
        amount=amount,
        hold=None if hold is None else hold.id,
        lot=lot,
        about=about,
    )


def _done(
    draft: Draft, event: Event, account: LedgerAccount | None, hold: Hold | None = None
) -> Decision:
    """What a draft changes, unless a balance would no longer fit."""
    if not draft.fits:
        return refused(Result.BALANCE_OUT_OF_RANGE)
    available = draft.available(account) if account is not None else ZERO
    return Decision(Outcome(Result.DONE, event.amount, available), draft.changes(event, hold))


def _transfer(books: Books, command: Transfer) -> Decision:
    draft = Draft(books, command.at)
    payer, payee, amount = command.payer, command.payee, command.amount
    ends = [] if command.expires_at is None else [command.expires_at]
    if payer.has_lots:
        available = draft.transferable(payer) if payee.has_lots else draft.available(payer)
        if available < amount:
            return refused(Result.INSUFFICIENT_CREDITS, available)
        gave = draft.spend(payer, amount, is_gift=payee.has_lots)
        # Credits that end do not become eternal by being given away.
        ends += [lot.expires_at for lot in gave if lot.expires_at is not None]
    else:
        draft.post(payer, Micros(-amount))
    if payee.has_lots:
        assert command.source is not None, "checked: what comes to a user has a source"
        lot = LotId(command.id)
        draft.open_lot(
            lot,
            payee,
            command.source,
            expires_at=min(ends, default=None),
            is_transferable=command.is_transferable,
        )
        draft.post(payee, amount, lot=lot)
        draft.pay_debts(payee)
    else:
        draft.post(payee, amount)
    event = _event(command, "transfer", amount, about=command.about)
    return _done(draft, event, _payer(books, command))


def _reserve(books: Books, command: Reserve) -> Decision:
    draft = Draft(books, command.at)
    hold = Hold(
        id=command.id,
        account=command.account,
        ends_at=command.at,
        timeout=command.timeout,
        claim=command.claim,
        about=command.about,
    )
    return _hold_more(draft, command, hold)


def _extend(books: Books, command: Extend) -> Decision:
    hold = books.hold(command.hold)
    if hold is None:
        return refused(Result.HOLD_NOT_FOUND)
    if wrong := _closed(hold):
        return refused(wrong)
    return _hold_more(Draft(books, command.at), command, hold)


def _hold_more(draft: Draft, command: Reserve | Extend, hold: Hold) -> Decision:
    """Hold what is asked, or what there is where that is enough, for another timeout."""
    available = draft.available(hold.account)
    least = command.amount if command.least is None else command.least
    if available < least:
        return refused(Result.INSUFFICIENT_CREDITS, available)
    amount = Micros(min(command.amount, available))
    parts = dict(hold.parts)
    for lot, part in draft.hold(hold.account, amount):
        parts[lot] = Micros(parts.get(lot, 0) + part)
    hold = msgspec.structs.replace(
        hold,
        parts=tuple(Reservation(lot, part) for lot, part in sorted(parts.items())),
        granted=Micros(hold.granted + amount),
        timeout=command.timeout,
        ends_at=Microseconds(command.at + command.timeout),
    )
    kind: EventKind = "reserve" if isinstance(command, Reserve) else "extend"
    event = _event(command, kind, amount, hold=hold, about=hold.about)
    return _done(draft, event, hold.account, hold)


def _closed(hold: Hold) -> Result | None:
    """Why nothing can be done with a hold that has ended; None while it is open."""
    match hold.state:
        case "open":
            return None
        case "posted":
            return Result.HOLD_ALREADY_POSTED
        case "voided":
            return Result.HOLD_ALREADY_VOIDED
        case "expired":
            return Result.HOLD_EXPIRED
        case _:
            assert_never(hold.state)


def _settle(books: Books, command: Settle) -> Decision:
    hold = books.hold(command.hold)
    if hold is None:
        return refused(Result.HOLD_NOT_FOUND)
    if not are_of(hold.account, command.postings):
        return refused(Result.POSTINGS_UNBALANCED)
    is_late = hold.state == "expired" and hold.is_claimable(command.at)
    if not is_late and (wrong := _closed(hold)):
        return refused(wrong)
    charge = Micros(-sum(p.amount for p in command.postings if p.account == hold.account))
    if charge > (hold.granted if is_late else hold.amount):
        return refused(Result.EXCEEDS_HOLD)
    draft = Draft(books, command.at)
    if is_late:
        owed, charge = charge, Micros(min(charge, draft.available(hold.account)))
        draft.spend(hold.account, charge)
        draft.post(FUND, Micros(charge - owed))
    else:
        draft.release(hold, charge=charge)
    earners = []
    for posting in command.postings:
        if not posting.account.has_lots:
            draft.post(posting.account, posting.amount, attempt=posting.attempt)
        elif posting.account != hold.account:
            draft.earn(posting.account, posting.amount, posting.attempt)
            earners.append(posting.account)
    draft.pay_debts(hold.account, *earners)
    ended = msgspec.structs.replace(hold, state="posted", parts=(), closed_at=command.at)
    event = _event(command, "settle", charge, hold=hold, about=hold.about)
    return _done(draft, event, hold.account, ended)


def _close(books: Books, command: Void | Expire) -> Decision:
    hold = books.hold(command.hold)
    if hold is None:
        return refused(Result.HOLD_NOT_FOUND)
    if wrong := _closed(hold):
        return refused(wrong)
    is_void = isinstance(command, Void)
    if not is_void and not hold.is_due(command.at):
        return refused(Result.HOLD_NOT_DUE)
    draft = Draft(books, command.at)
    draft.release(hold)
    draft.pay_debts(hold.account)
    ended = msgspec.structs.replace(
        hold, state="voided" if is_void else "expired", parts=(), closed_at=command.at
    )
    kind: EventKind = "void" if is_void else "expire"
    event = _event(command, kind, hold.amount, hold=hold, about=hold.about)
    return _done(draft, event, hold.account, ended)


def _claw_back(books: Books, command: Clawback) -> Decision:
    found = books.lot(command.lot)
    if found is None:
        return refused(Result.LOT_NOT_FOUND)
    if command.amount > found.received - found.returned:
        return refused(Result.EXCEEDS_LOT)
    draft = Draft(books, command.at)
    lot = draft.lot(command.lot)
    own = Micros(min(command.amount, lot.balance - lot.reserved))
    draft.post(lot.account, Micros(-own), lot=lot.id)
    draft.post(debt(AccountId(lot.account.owner)), Micros(own - command.amount))
    draft.post(ORIGIN[lot.source], command.amount)
    draft.pay_debts(lot.account)
    event = _event(command, "clawback", command.amount, lot=lot.id, about=command.about)
    return _done(draft, event, lot.account)


def _lapse(books: Books, command: Lapse) -> Decision:
    found = books.lot(command.lot)
    if found is None:
        return refused(Result.LOT_NOT_FOUND)
    if not found.has_ended(command.at):
        return refused(Result.LOT_NOT_DUE)
    draft = Draft(books, command.at)
    free = Micros(found.balance - found.reserved)
    draft.post(found.account, Micros(-free), lot=found.id)
    draft.post(MINT, free)
    event = _event(command, "lapse", free, lot=found.id)
    return _done(draft, event, found.account)
