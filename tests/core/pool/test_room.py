"""Laws of room: what no message carries is refused in words, and what one carries is not."""

import pytest

from app.core.base.errors import TooLarge
from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.core.pool.envelope import size_of
from app.core.pool.room import check_request
from app.core.pool.tables import FRAMES, PASSED_ON_BYTES_MAX
from app.wire.engine import Embed, Embedded, Generate, PromptText
from app.wire.pool import Ask, Chunk, Offer


def asked(size: int) -> Ask:
    body = Generate(request=RequestId("r"), prompt=PromptText(text="x" * size))
    return Ask(job=JobId("an-ask-of-a-node"), model="large", body=body, cost_max=Micros(2**40))


def embed(inputs: int, dimensions: int | None = None) -> Embed:
    return Embed(request=RequestId("r"), inputs=["hello"] * inputs, dimensions=dimensions)


def test_a_request_that_is_too_large_is_refused_with_the_limit_and_what_helps() -> None:
    check_request(asked(PASSED_ON_BYTES_MAX - 1000))

    with pytest.raises(TooLarge, match="at most 7,340,032") as refused:
        check_request(asked(PASSED_ON_BYTES_MAX))
    assert refused.value.remedy


def test_what_a_node_may_ask_has_room_in_the_offer_that_it_becomes() -> None:
    ask = asked(PASSED_ON_BYTES_MAX - 200)
    check_request(ask)
    assert isinstance(ask.body, Generate)

    offer = Offer(
        job=JobId("job_" + "0" * 24),
        attempt=31,
        sha256="a" * 64,
        body=Generate(request=ask.body.request, prompt=ask.body.prompt, answered=[2**31] * 200_000),
        first=200_000,
        prices=(Micros(2**40), Micros(2**40), Micros(2**40)),
        domain="d" * 64,
        circle="anyone",
        deadline_seconds=90.0,
        commitment_key=b"k" * 32,
    )

    assert size_of(offer) <= FRAMES[Offer].bytes_max


@pytest.mark.parametrize(("inputs", "dimensions"), [(1788, None), (2048, 512), (2048, 1)])
def test_vectors_that_have_room_may_be_asked_for(inputs: int, dimensions: int | None) -> None:
    check_request(embed(inputs, dimensions), vector_length=1024)

    vectors = [b"v" * 4 * (dimensions or 1024)] * inputs
    answer = Embedded(request=RequestId("r"), vectors=vectors, prompt_tokens=2**30)
    chunk = Chunk(job=JobId("j" * 80), attempt=31, first=0, tokens=[], events=[answer])
    assert size_of(chunk) <= FRAMES[Chunk].bytes_max


def test_vectors_without_room_are_refused_with_how_many_may_be_asked_for() -> None:
    with pytest.raises(TooLarge, match="at most 1,788 inputs"):
        check_request(embed(1789), vector_length=1024)
