"""Books under commands by chance: identities hold after each, retelling changes nothing."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.base.units import Microseconds
from app.core.ledger.books import Books
from app.core.ledger.commands import AnyCommand, EventId, Expire
from app.core.ledger.decide import apply
from app.core.ledger.result import Result
from tests.core.ledger.identities import BEGIN, MINUTE, Naive, check, commands

LISTS = st.lists(commands(), min_size=5, max_size=60)


@settings(max_examples=200)
@given(LISTS)
def test_the_identities_hold_after_every_command(told: list[AnyCommand]) -> None:
    books, naive = Books(), Naive()

    for command in told:
        outcome, changes = apply(books, command)
        assert (changes is not None) == (outcome.result is Result.DONE)
        assert outcome.amount >= 0 and outcome.available >= 0
        if changes is not None:
            naive.take(changes)
        check(books, command.at)

    naive.check(books)


@given(LISTS)
def test_commands_that_are_told_again_change_nothing(told: list[AnyCommand]) -> None:
    books = Books()
    done = [command for command in told if apply(books, command).outcome.result is Result.DONE]
    before = dict(books.balances), dict(books.open_holds)

    again = [apply(books, command).outcome.result for command in reversed(done)]

    assert set(again) <= {Result.EXISTS}
    assert (dict(books.balances), dict(books.open_holds)) == before


@given(LISTS)
def test_nothing_stays_held_once_all_holds_are_swept(told: list[AnyCommand]) -> None:
    books = Books()
    for command in told:
        apply(books, command)
    later = Microseconds(BEGIN + 30 * 24 * 60 * MINUTE)

    results = Counter(
        apply(books, Expire(id=EventId(f"sweep-{hold}"), at=later, hold=hold)).outcome.result
        for hold in list(books.open_holds)
    )

    assert set(results) <= {Result.DONE} and not books.open_holds
    assert all(books.held(account) == 0 for account in books.balances)
