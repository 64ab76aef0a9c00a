"""Greedy answers are llama-server's, token for token (benchmarks/equality.py says how).

The whole record, other models and settings among it, is benchmarks/results/greedy_equality.json.
"""

import asyncio

import pytest

from benchmarks import equality
from benchmarks.build_peer import PeerBinaries, find_peer
from benchmarks.verdict import Chosen, judge, summary


@pytest.fixture
def peer() -> PeerBinaries:
    found = find_peer()
    if found is None:
        pytest.skip("llama-server is not built: python -m benchmarks.build_peer (minutes)")
    return found


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("together", [1, equality.COMPANY])
def test_greedy_answers_equal_those_of_llama_server(peer: PeerBinaries, together: int) -> None:
    case = equality.STRICT
    # One thread: ggml's threads spin while they wait, which is slow where others compute too.
    launch = equality.launch_of(case, peer, threads=1)

    theirs = asyncio.run(equality.ask_llama_server(peer, launch, together))
    ours = asyncio.run(equality.ask_athanor(launch, together))

    found = equality.compare(case, "athanor", ours, "llama-server", theirs)
    print(summary(found))
    assert found.prompts == equality.PROMPTS
    assert not found.faults, summary(found)
    assert found.equal >= equality.PROMPTS - 2, "near-ties are rare; so many are a fault"


def test_a_difference_counts_as_a_near_tie_only_when_both_sides_see_one() -> None:
    here = Chosen(1, {1: -0.50, 2: -0.51, 3: -9.0})
    there = Chosen(2, {2: -0.40, 1: -1.40, 3: -9.0})

    verdict = judge("here", [[here]], "there", [[there]], tokens_each=1, near_tie_nats=0.05)

    (found,) = verdict.differences
    assert found.left_gap == pytest.approx(0.01)
    assert found.right_gap == pytest.approx(1.0)
    assert verdict.faults == [found]
    assert found.is_near_tie(1.5)
