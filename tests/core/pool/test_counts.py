"""A sealed job is paid by the smaller count, and whoever differs is told by how much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.units import Microseconds
from app.core.pool.commitments import (
    answer_commitment,
    prompt_commitment,
    vectors_commitment,
)
from app.core.pool.counts import COUNTS, TEMPLATE_TOKENS, CountStatement, agree
from app.server.identity.keys import verify
from app.wire.engine import Embed, Generate, PromptChat, PromptText, Sampling
from tests.core.pool.chains import a_receipt, signed
from tests.core.pool.session_pair import device_key

RECEIPT = a_receipt(3)
ASKER = device_key(2)
STATEMENT = CountStatement(
    pool=RECEIPT.pool,
    job=RECEIPT.job,
    attempt=RECEIPT.attempt,
    worker=RECEIPT.device,
    asker=ASKER.device,
    tokens_in=RECEIPT.tokens_in,
    tokens_out=RECEIPT.tokens_out,
    is_complete=True,
    prompt_commitment=RECEIPT.prompt_commitment,
    answer_commitment=RECEIPT.answer_commitment,
    at=Microseconds(1),
)
PLENTY = {"bytes_in": 10_000, "bytes_out": 10_000}


def test_two_honest_ends_agree() -> None:
    agreement = agree(RECEIPT, STATEMENT, **PLENTY)

    assert (agreement.prompt, agreement.cached, agreement.answer) == (100, 40, 23)
    assert agreement.agrees and not agreement.why


counts = st.integers(-5, 10_000)


@given(counts, counts, counts, st.one_of(st.none(), st.tuples(counts, counts)))
def test_nobody_gains_by_counting_more(prompt: int, cached: int, answer: int, other) -> None:
    receipt = replace(RECEIPT, tokens_in=prompt, tokens_cached=cached, tokens_out=answer)
    statement = other and replace(STATEMENT, tokens_in=other[0], tokens_out=other[1])

    agreement = agree(receipt, statement, bytes_in=3000, bytes_out=500)

    assert 0 <= agreement.cached <= agreement.prompt <= max(0, min(prompt, 3000 + TEMPLATE_TOKENS))
    assert 0 <= agreement.answer <= max(0, min(answer, 500))
    if other is not None:
        assert agreement.answer <= max(0, other[1])
        assert agreement.prompt <= prompt or prompt < 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokens_out": 22}, "23 tokens of answer, the asker 22"),
        ({"tokens_in": 50}, "100 tokens of prompt, the asker 50"),
        ({"prompt_commitment": b"x" * 32}, "different prompts"),
        ({"answer_commitment": b"x" * 32}, "different answers"),
        ({"attempt": 1}, "different attempts"),
        ({"worker": ASKER.device}, "different attempts"),
    ],
)
def test_a_difference_is_told_in_words(change, words: str) -> None:
    agreement = agree(RECEIPT, replace(STATEMENT, **change), **PLENTY)

    assert not agreement.agrees
    assert words in agreement.why


def test_an_asker_that_cannot_count_the_prompt_says_nothing_of_it() -> None:
    agreement = agree(RECEIPT, replace(STATEMENT, tokens_in=0), **PLENTY)

    assert agreement.agrees
    assert agreement.prompt == 100


def test_without_a_statement_the_worker_is_paid_within_what_was_relayed() -> None:
    greedy = replace(RECEIPT, tokens_in=10**9, tokens_out=10**9)

    agreement = agree(greedy, None, bytes_in=500, bytes_out=80)

    assert (agreement.prompt, agreement.answer) == (500 + TEMPLATE_TOKENS, 80)
    assert not agreement.agrees


def test_before_the_receipt_came_the_statement_counts_within_what_was_relayed() -> None:
    agreement = agree(None, replace(STATEMENT, tokens_in=10**9), bytes_in=500, bytes_out=20)

    assert (agreement.prompt, agreement.cached, agreement.answer) == (500 + TEMPLATE_TOKENS, 0, 20)
    assert agreement.agrees


def test_a_statement_is_its_askers() -> None:
    entry = signed(COUNTS.encode(STATEMENT), ASKER)

    assert COUNTS.read_signed(entry, ASKER.device, verify) == STATEMENT
    assert COUNTS.read_signed(entry, RECEIPT.device, verify) is None


KEY = b"k" * 32
CHAT = Generate(
    request="r", prompt=PromptChat(messages=[{"role": "user", "content": "hi", "name": "a"}])
)


def test_a_commitment_tells_nothing_without_its_key_and_is_the_contents_with_it() -> None:
    turned = replace(
        CHAT, prompt=PromptChat(messages=[{"name": "a", "content": "hi", "role": "user"}])
    )

    mine = prompt_commitment(KEY, CHAT)

    assert len(mine) == 32
    assert mine == prompt_commitment(KEY, turned)
    assert mine == prompt_commitment(KEY, replace(CHAT, sampling=Sampling(temperature=0)))
    assert mine != prompt_commitment(b"l" * 32, CHAT)
    assert mine != prompt_commitment(KEY, replace(CHAT, prompt=PromptText(text="hi")))
    assert prompt_commitment(b"", CHAT) == b""


def test_commitments_of_other_things_differ() -> None:
    commitments = {
        answer_commitment(KEY, [1, 2]),
        answer_commitment(KEY, [1, 258]),
        answer_commitment(KEY, []),
        vectors_commitment(KEY, [b"ab", b"c"]),
        vectors_commitment(KEY, [b"a", b"bc"]),
        prompt_commitment(KEY, Embed(request="r", inputs=["ab", "c"])),
        prompt_commitment(KEY, Embed(request="r", inputs=["a", "bc"])),
    }

    assert len(commitments) == 7
