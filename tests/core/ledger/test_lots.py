"""Lots: what is spent first, what is taken back, what ends."""

import pytest

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import FEES, FUND, MINT, SALES, debt
from app.core.ledger.commands import EventId, Transfer
from app.core.ledger.lots import earnings_lot
from app.core.ledger.result import Result
from tests.core.ledger.ledger import ALICE, BEGIN, BOB, MINUTE, Ledger

DAY = 86_400_000_000


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_grants_are_spent_before_earnings_and_those_before_what_was_bought(ledger: Ledger) -> None:
    lots = [ledger.give(ALICE, 100, source) for source in ("bought", "earned", "granted")]
    ledger.reserve("h", ALICE, 250)

    ledger.settle("h", ALICE, 150)

    assert [ledger.in_lot(lot) for lot in lots] == [100, 50, 0]


def test_of_one_kind_what_ends_first_is_spent_first(ledger: Ledger) -> None:
    lasting = ledger.give(ALICE, 100)
    ledger.later(1)
    ending = ledger.give(ALICE, 100, ends_after=MINUTE)
    ledger.reserve("h", ALICE, 100)

    ledger.settle("h", ALICE, 100)

    assert (ledger.in_lot(lasting), ledger.in_lot(ending)) == (100, 0)


def test_what_a_worker_earns_in_a_day_lies_in_one_lot(ledger: Ledger) -> None:
    ledger.give(ALICE, 1000)
    for hold in ("a", "b"):
        ledger.reserve(hold, ALICE, 100)
        ledger.settle(hold, ALICE, 100)

    ledger.later(DAY)
    ledger.reserve("c", ALICE, 100)
    ledger.settle("c", ALICE, 100)

    assert ledger.in_lot(earnings_lot(BOB, BEGIN)) == 180
    assert ledger.in_lot(earnings_lot(BOB, ledger.now)) == 90


def test_a_lot_that_ended_cannot_be_spent(ledger: Ledger) -> None:
    ledger.give(ALICE, 100, ends_after=MINUTE)
    ledger.later(MINUTE)

    assert ledger.reserve("h", ALICE, 1).result is Result.INSUFFICIENT_CREDITS


def test_what_was_held_before_its_lot_ended_can_still_be_paid(ledger: Ledger) -> None:
    ledger.give(ALICE, 100, ends_after=MINUTE)
    ledger.reserve("h", ALICE, 60)
    ledger.later(MINUTE)

    assert ledger.settle("h", ALICE, 50).result is Result.DONE
    assert ledger.free(ALICE) == 0, "what came back has ended"


def test_a_lot_lapses_to_the_mint_once_it_ended(ledger: Ledger) -> None:
    lot = ledger.give(ALICE, 100, ends_after=MINUTE)
    assert ledger.lapse(lot).result is Result.LOT_NOT_DUE
    ledger.later(MINUTE)

    outcome = ledger.lapse(lot)

    assert outcome.result is Result.DONE and outcome.amount == 100
    assert (ledger.has(ALICE), ledger.has(MINT)) == (0, 0)


def test_a_chargeback_takes_its_own_lot_and_no_other(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.give(ALICE, 200, "earned")

    assert ledger.claw_back(bought, 500).result is Result.DONE
    assert (ledger.has(ALICE), ledger.has(SALES), ledger.owes(ALICE)) == (200, 0, 0)


def test_a_chargeback_of_what_was_spent_makes_a_debt(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.send(ALICE, FUND, 400)

    outcome = ledger.claw_back(bought, 500)

    assert outcome.available == 0
    assert (ledger.has(ALICE), ledger.has(SALES), ledger.owes(ALICE)) == (0, 0, 400)


def test_a_debt_takes_what_is_available_before_its_owner_can(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.give(ALICE, 100, "earned")
    ledger.reserve("spent", ALICE, 450)
    ledger.settle("spent", ALICE, 450)

    ledger.claw_back(bought, 500)

    assert (ledger.has(ALICE), ledger.owes(ALICE)) == (0, 350)


def test_a_debt_takes_what_comes_in(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.send(ALICE, FUND, 500)
    ledger.claw_back(bought, 500)

    ledger.give(ALICE, 300, "bought")
    assert (ledger.has(ALICE), ledger.owes(ALICE)) == (0, 200)
    ledger.give(ALICE, 300, "granted")

    assert (ledger.has(ALICE), ledger.owes(ALICE)) == (100, 0)


def test_what_is_owed_cannot_be_held_when_a_clock_goes_back_before_the_end_of_a_lot(
    ledger: Ledger,
) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.send(ALICE, FUND, 500)
    ledger.give(ALICE, 300, ends_after=MINUTE)
    ledger.later(MINUTE)
    ledger.claw_back(bought, 500)

    ledger.later(-MINUTE)

    assert ledger.reserve("h", ALICE, 1).result is Result.INSUFFICIENT_CREDITS
    assert ledger.give(ALICE, 200) and ledger.owes(ALICE) == 0


def test_a_debt_takes_what_its_owner_earns(ledger: Ledger) -> None:
    bought = ledger.give(BOB, 500, "bought")
    ledger.send(BOB, FUND, 500)
    ledger.claw_back(bought, 500)
    ledger.give(ALICE, 1000)
    ledger.reserve("h", ALICE, 1000)

    ledger.settle("h", ALICE, 1000)

    assert (ledger.has(BOB), ledger.owes(BOB)) == (400, 0)


def test_a_chargeback_leaves_holds_alone_and_takes_what_they_give_back(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.reserve("h", ALICE, 300)
    ledger.claw_back(bought, 500)
    assert (ledger.has(ALICE), ledger.owes(ALICE)) == (300, 300)

    ledger.settle("h", ALICE, 100)

    assert (ledger.has(ALICE), ledger.owes(ALICE), ledger.has(BOB)) == (0, 100, 90)


def test_no_more_is_taken_back_than_was_put_in(ledger: Ledger) -> None:
    bought = ledger.give(ALICE, 500, "bought")
    ledger.claw_back(bought, 400)

    assert ledger.claw_back(bought, 101).result is Result.EXCEEDS_LOT
    assert ledger.claw_back(bought, 100).result is Result.DONE


def test_what_lapsed_is_not_taken_back_once_more(ledger: Ledger) -> None:
    lot = ledger.give(ALICE, 500, "bought", ends_after=MINUTE)
    ledger.later(MINUTE)
    ledger.lapse(lot)

    assert ledger.claw_back(lot, 1).result is Result.EXCEEDS_LOT


def test_only_transferable_credits_go_to_another_user(ledger: Ledger) -> None:
    bound = ledger.give(ALICE, 100, is_transferable=False)
    ledger.give(ALICE, 50, "earned")

    assert ledger.send(ALICE, BOB, 51).available == 50
    assert ledger.send(ALICE, BOB, 50).result is Result.DONE
    assert ledger.in_lot(bound) == 100
    assert ledger.send(ALICE, FEES, 100).result is Result.DONE, "to the pool all may go"


def test_credits_that_end_still_end_after_they_were_given_away(ledger: Ledger) -> None:
    ledger.give(ALICE, 100, ends_after=MINUTE)
    ledger.send(ALICE, BOB, 100)

    ledger.later(MINUTE)

    assert ledger.free(BOB) == 0


UNSUITABLE = [
    (ALICE, ALICE, "granted"),
    (MINT, ALICE, None),
    (ALICE, FEES, "granted"),
    (MINT, debt(AccountId("alice")), None),
    (debt(AccountId("alice")), FEES, None),
]


@pytest.mark.parametrize(("payer", "payee", "source"), UNSUITABLE)
def test_a_transfer_between_accounts_that_do_not_suit_is_refused(
    ledger: Ledger, payer, payee, source
) -> None:
    transfer = Transfer(
        id=EventId("t"), at=ledger.now, payer=payer, payee=payee, amount=Micros(1), source=source
    )

    assert ledger.tell(transfer).result is Result.ACCOUNT_UNSUITABLE


@pytest.mark.parametrize("time", [-1, 2**62, 1.5])
def test_a_time_that_nobody_can_mean_is_refused(ledger: Ledger, time: int) -> None:
    ledger.now = Microseconds(time)

    assert ledger.reserve("h", ALICE, 0).result is Result.TIME_OUT_OF_RANGE
