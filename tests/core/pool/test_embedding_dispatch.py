"""Embeddings and the room of contexts: each input has one for itself."""

import pytest

from app.core.base.ids import RequestId
from app.wire.engine import Embed
from tests.core.pool.choosing import Pool, find, offering
from tests.core.pool.jobs.play import candidate


def asked(inputs: int, tokens: int) -> str:
    """Who may get so many inputs of so many tokens together: contexts are 100 and 1000."""
    pool = Pool(offering("short", context=100), offering("long", context=1000))
    embed = Embed(request=RequestId("e1"), inputs=["text"] * inputs)
    wanted = find(body=embed, candidates=(candidate(prompt=tokens, context=1000),))
    return " ".join(sorted({pool.worker(wanted, draw) for draw in range(20)})).strip()


@pytest.mark.parametrize(
    ("inputs", "tokens", "who"),
    [
        (20, 1800, "long short"),  # all together have room in no context
        (1, 100, "long short"),
        (1, 101, "long"),
        (2, 202, "long"),  # whatever their lengths, one has more than 100
        (1, 1000, "long"),
        (1, 1001, ""),
        (0, 10, "long short"),  # what a stranger may send decides without an error
    ],
)
def test_each_input_of_an_embedding_has_the_context_for_itself(
    inputs: int, tokens: int, who: str
) -> None:
    assert asked(inputs, tokens) == who
