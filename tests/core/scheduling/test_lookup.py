"""Guesses come from the text itself and follow their success."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.scheduling.lookup import DRAFT_MAX, DRAFT_START, REST_TOKENS, Lookup


def test_what_followed_the_same_words_before_is_proposed() -> None:
    lookup = Lookup()

    assert lookup.propose([1, 2, 3, 4, 5, 6, 1, 2, 3], room=2) == [4, 5]


def test_nothing_is_proposed_when_nothing_recurs() -> None:
    assert Lookup().propose(list(range(50)), room=8) == []


def test_the_latest_occurrence_counts() -> None:
    lookup = Lookup()

    assert lookup.propose([1, 2, 3, 4, 0, 1, 2, 3, 9, 0, 1, 2, 3], room=1) == [9]


def test_drafts_grow_with_success_to_a_limit() -> None:
    lookup = Lookup()
    tokens = [1, 2, 3, 4] * 20

    for _ in range(8):
        draft = lookup.propose(tokens, room=100)
        lookup.learn(len(tokens), len(draft), len(draft))

    assert len(lookup.propose(tokens, room=100)) == DRAFT_MAX


def test_a_wholly_wrong_draft_is_followed_by_a_rest() -> None:
    lookup = Lookup()
    tokens = [1, 2, 3, 4] * 20
    lookup.learn(len(tokens), drafted=4, right=0)

    assert lookup.propose(tokens, room=8) == []
    assert len(lookup.propose(tokens + [1, 2, 3, 4] * (REST_TOKENS // 4), 8)) == DRAFT_START


def test_a_draft_goes_on_repeating_what_repeats() -> None:
    assert Lookup().propose([1, 2, 3, 1, 2, 3], room=4) == [1, 2, 3, 1]


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(0, 8))
def test_every_guess_follows_the_same_words_somewhere_before_it(
    tokens: list[int], room: int
) -> None:
    lookup = Lookup()
    for end in range(0, len(tokens), 5):
        lookup.propose(tokens[:end], room)

    draft = lookup.propose(tokens, room)

    assert len(draft) <= room
    text = [*tokens, *draft]
    for end in range(len(tokens), len(text)):
        words = text[len(tokens) - 3 : end + 1]
        assert any(text[i : i + len(words)] == words for i in range(len(tokens) - 3))
