"""Why jobs went elsewhere, as people read it."""

from typing import get_args

from app.core.pool.eligibility import Reason
from app.core.sharing.policy import Verdict
from app.core.state.node_state import Neighbour, NodeState, ServerFacts
from app.core.state.pool_state import PoolState
from app.core.state.pool_words import lent_words, link_words, skipped_words, strike_words, why_idle


def test_every_reason_of_the_host_is_told_as_a_sentence() -> None:
    told = [skipped_words(reason) for reason in get_args(Reason)]

    assert len(set(told)) == len(told)
    # A word that was not known would be shown as it is.
    assert all(len(words.split()) > 4 for words in told)


def test_a_reason_of_a_later_host_is_shown_as_it_came() -> None:
    assert skipped_words("too_far_away") == "too far away"


def test_a_host_that_is_about_to_stop_is_said_to_be() -> None:
    pool = PoolState(pool="ab", name="Club", link="connected", is_host_leaving=True)

    assert "about to stop" in link_words(pool, 0.0)
    assert "about to stop" in why_idle(pool, Verdict(lending="lend"), 0.0)


def test_no_model_is_called_lent_while_lending_is_off() -> None:
    server = ServerFacts(version="1", started_at=0.0)
    pool = PoolState(pool="ab", offered=("one", "two"))

    off = NodeState(server=server, pool=pool)
    idle = NodeState(server=server, pool=pool, neighbour=Neighbour(mode="idle"))
    none = NodeState(server=server, pool=PoolState(pool="ab"), neighbour=Neighbour(mode="idle"))

    assert [lent_words(each) for each in (off, idle, none)] == [
        "Lent once lending is on: one, two",
        "Lent: one, two",
        "Lent: no model",
    ]


def test_what_is_held_against_this_node_has_a_line_each() -> None:
    pool = PoolState(pool="ab", strikes={"counts above what was delivered": 2, "a word": 1})

    assert strike_words(pool) == ("2 x counts above what was delivered", "1 x a word")
