"""Why jobs went elsewhere, as people read it."""

from typing import get_args

from app.core.pool.eligibility import Reason
from app.core.state.pool_words import skipped_words


def test_every_reason_of_the_host_is_told_as_a_sentence() -> None:
    told = [skipped_words(reason) for reason in get_args(Reason)]

    assert len(set(told)) == len(told)
    # A word that was not known would be shown as it is.
    assert all(len(words.split()) > 4 for words in told)


def test_a_reason_of_a_later_host_is_shown_as_it_came() -> None:
    assert skipped_words("too_far_away") == "too far away"
