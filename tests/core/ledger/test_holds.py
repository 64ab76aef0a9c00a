"""Holds: reserve, extend, then exactly one of settle, void and expire."""

import pytest

from app.core.base.ids import AccountId
from app.core.base.units import Micros
from app.core.ledger.accounts import FEES, FUND, ROUNDING, user
from app.core.ledger.commands import AMOUNT_MAX, CLAIM_MICROSECONDS, Posting
from app.core.ledger.result import Result
from tests.core.ledger.ledger import ALICE, BOB, MINUTE, Ledger


@pytest.fixture
def ledger() -> Ledger:
    """Alice has a thousand micros."""
    made = Ledger()
    made.give(ALICE, 1000)
    return made


def test_a_hold_takes_from_what_is_available_and_not_from_the_balance(ledger: Ledger) -> None:
    outcome = ledger.reserve("h", ALICE, 300)

    assert outcome.result is Result.DONE and outcome.amount == 300 and outcome.available == 700
    assert (ledger.has(ALICE), ledger.free(ALICE)) == (1000, 700)


def test_more_than_is_available_is_not_held_and_the_numbers_are_told(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)

    outcome = ledger.reserve("h2", ALICE, 701)

    assert outcome.result is Result.INSUFFICIENT_CREDITS and outcome.available == 700
    assert ledger.books.hold("h2") is None  # type: ignore[arg-type]


def test_who_takes_less_gets_what_there_is(ledger: Ledger) -> None:
    assert ledger.reserve("h", ALICE, 1500, least=1000).amount == 1000
    assert ledger.extend("h", 100, least=1).result is Result.INSUFFICIENT_CREDITS
    assert ledger.extend("h", 100, least=0).amount == 0


def test_a_settled_hold_pays_and_gives_back_the_rest(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)

    outcome = ledger.settle("h", ALICE, 200)

    assert outcome.result is Result.DONE and outcome.amount == 200 and outcome.available == 800
    assert (ledger.has(ALICE), ledger.has(BOB), ledger.has(FEES)) == (800, 180, 20)
    assert ledger.books.held(ALICE) == 0


def test_a_hold_grows_by_extensions(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.extend("h", 400)

    assert ledger.settle("h", ALICE, 700).result is Result.DONE
    assert ledger.has(ALICE) == 300


def test_a_settlement_above_the_hold_is_refused(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)

    assert ledger.settle("h", ALICE, 301).result is Result.EXCEEDS_HOLD
    assert ledger.books.held(ALICE) == 300, "it is still held"


def test_a_free_job_is_held_and_settled_like_any_other(ledger: Ledger) -> None:
    assert ledger.reserve("h", user(AccountId("poor")), 0).result is Result.DONE
    assert ledger.settle("h", user(AccountId("poor")), 0).result is Result.DONE


@pytest.mark.parametrize(
    ("ending", "result"),
    [
        ("settle", Result.HOLD_ALREADY_POSTED),
        ("void", Result.HOLD_ALREADY_VOIDED),
        ("expire", Result.HOLD_EXPIRED),
    ],
)
def test_a_hold_that_ended_ends_no_second_time(ledger: Ledger, ending: str, result: Result) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE)
    endings = {
        "settle": lambda: ledger.settle("h", ALICE, 100),
        "void": lambda: ledger.void("h"),
        "expire": lambda: ledger.expire("h"),
    }
    assert endings[ending]().result is Result.DONE
    ledger.later(CLAIM_MICROSECONDS)

    assert {end().result for end in endings.values()} == {result}
    assert ledger.extend("h", 1).result is result


def test_a_voided_hold_returns_every_micro_to_the_payer(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)

    assert ledger.void("h").available == 1000


def test_a_hold_expires_at_its_deadline_and_not_before(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE - 1)
    assert ledger.expire("h").result is Result.HOLD_NOT_DUE
    ledger.later(1)

    outcome = ledger.expire("h")

    assert outcome.result is Result.DONE and outcome.available == 1000


def test_an_extension_moves_the_deadline(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE - 1)
    ledger.extend("h", 0)
    ledger.later(MINUTE - 1)

    assert ledger.expire("h").result is Result.HOLD_NOT_DUE


def test_a_clock_that_was_far_ahead_for_a_while_holds_nothing_for_ever(ledger: Ledger) -> None:
    ledger.later(365 * 24 * 60 * MINUTE)
    ledger.reserve("h", ALICE, 300)

    ledger.later(-365 * 24 * 60 * MINUTE)

    assert ledger.expire("h").result is Result.DONE


def test_a_clock_that_steps_back_a_little_expires_nothing(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)

    ledger.later(-MINUTE)

    assert ledger.expire("h").result is Result.HOLD_NOT_DUE


def test_an_expired_hold_can_be_claimed_late(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE)
    ledger.expire("h")

    assert ledger.settle("h", ALICE, 301).result is Result.EXCEEDS_HOLD
    assert ledger.settle("h", ALICE, 300).result is Result.DONE
    assert (ledger.has(ALICE), ledger.has(BOB)) == (700, 270)


def test_what_the_payer_of_a_late_claim_no_longer_has_is_the_funds(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE)
    ledger.expire("h")
    ledger.reserve("other", ALICE, 900)

    outcome = ledger.settle("h", ALICE, 300)

    assert outcome.result is Result.DONE and outcome.amount == 100
    assert (ledger.has(ALICE), ledger.has(BOB), ledger.has(FUND)) == (900, 270, -200)


def test_the_time_for_late_claims_ends(ledger: Ledger) -> None:
    ledger.reserve("h", ALICE, 300)
    ledger.later(MINUTE)
    ledger.expire("h")
    ledger.later(CLAIM_MICROSECONDS)

    assert ledger.settle("h", ALICE, 300).result is Result.HOLD_EXPIRED


WRONG_POSTINGS = [
    ("unbalanced", [(ALICE, -100), (BOB, 99)]),
    ("takes from another user", [(ALICE, -100), (BOB, -50), (FEES, 150)]),
    ("takes from fees", [(FEES, -100), (BOB, 100)]),
    ("takes from rounding", [(ROUNDING, -1), (BOB, 1)]),
    ("pays the payer", [(ALICE, 100), (FUND, -100)]),
    ("names the payer twice", [(ALICE, -100), (ALICE, -100), (BOB, 200)]),
]


@pytest.mark.parametrize("lines", [lines for _, lines in WRONG_POSTINGS], ids=lambda _: "")
def test_postings_that_are_not_of_one_job_are_refused(ledger: Ledger, lines: list) -> None:
    ledger.reserve("h", ALICE, 300)

    outcome = ledger.post("h", *(Posting(account, Micros(amount)) for account, amount in lines))

    assert outcome.result is Result.POSTINGS_UNBALANCED
    assert ledger.has(ALICE) == 1000


@pytest.mark.parametrize("amount", [-1, AMOUNT_MAX + 1, True, 1.0, float("nan")])
def test_no_amount_but_a_count_of_micros_is_held(ledger: Ledger, amount: int) -> None:
    assert ledger.reserve("h", ALICE, amount).result is Result.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize("account", [FEES, FUND, user(AccountId("")), user(AccountId("a b"))])
def test_only_an_account_of_a_user_can_be_held(ledger: Ledger, account) -> None:
    assert ledger.reserve("h", account, 0).result is Result.ACCOUNT_UNSUITABLE


@pytest.mark.parametrize("hold", ["", "a b", "a\nb", "x" * 201])
def test_an_id_is_short_and_printable(ledger: Ledger, hold: str) -> None:
    assert ledger.reserve(hold, ALICE, 1).result is Result.ID_INVALID
