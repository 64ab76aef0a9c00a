"""Laws of the transcript: a reader that begins in the middle ends where one from the start does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import RequestError
from app.engine.chat.dialect import Dialect
from app.engine.measure import joined
from app.engine.toy import IM_END, MARKERS, TEMPLATE, VOCABULARY, ToyVocabulary
from app.engine.transcript import Parser, PlainParser, Transcript
from app.wire.engine import Part, PromptChat

WORDS = ToyVocabulary()
DIALECT = Dialect.learn(TEMPLATE, bos="", eos="<|im_end|>")
TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}
TURN = DIALECT.prepare(PromptChat(messages=[{"role": "user", "content": "hi"}], tools=[TOOL]), None)
PIECES = st.sampled_from(
    [
        "<think>\n",
        "\n</think>\n\n",
        '<tool_call>\n{"name": "find", "arguments": {"what": "grün"}}\n</tool_call>',
        '<tool_call>{"name": ',
        "größer € ",
        "STOP",
        "ST",
        "\n",
        "abc ",
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
TOKENS = TEXTS.map(lambda text: WORDS.tokenize(text, add_special=False, parse_special=True)) | (
    st.lists(st.integers(0, VOCABULARY - 1).filter(lambda token: token != IM_END), max_size=30)
)
STOPS = st.lists(st.sampled_from(["STOP", "TO", "€", "\n\n", "c g"]), max_size=2)


def transcript(stops: list[str], tokens_max: int = 10_000, *, is_chat: bool = True) -> Transcript:
    parser: Parser = TURN.new_parser() if is_chat else PlainParser()
    return Transcript(
        constraint=None,
        parser=parser,
        stops=stops,
        markers=frozenset(range(256, 256 + len(MARKERS))) if is_chat else frozenset(),
        ignores_end=False,
        tokens_max=tokens_max,
        vocabulary=WORDS,
    )


def read(reader: Transcript, tokens: list[int]) -> list[Part]:
    parts: list[Part] = []
    for token in tokens:
        if reader.reason is not None:
            break
        parts += reader.follow(token)
    return parts


@given(tokens=TOKENS, stops=STOPS, limit=st.integers(1, 60), is_chat=st.booleans())
def test_an_answer_that_goes_on_anywhere_is_the_one_that_was_interrupted(
    tokens: list[int], stops: list[str], limit: int, is_chat: bool
) -> None:
    whole = transcript(stops, limit, is_chat=is_chat)
    parts = read(whole, tokens)
    tokens = tokens[: whole.tokens]
    parts += whole.finish()

    for cut in range(len(tokens) + 1):
        first = transcript(stops, limit, is_chat=is_chat)
        before = read(first, tokens[:cut])
        rest = transcript(stops, limit, is_chat=is_chat)
        rest.replay(tokens[:cut])
        after = [*read(rest, tokens[cut:]), *rest.finish()]

        assert joined([*before, *after]) == joined(parts)
        assert (rest.reason, rest.stop) == (whole.reason, whole.stop)
        assert rest.tokens == len(tokens) - cut


@given(tokens=TOKENS.filter(bool), limit=st.integers(0, 5))
def test_nothing_goes_on_after_its_end(tokens: list[int], limit: int) -> None:
    answered = [*tokens[:limit], IM_END]

    with pytest.raises(RequestError):
        transcript([], limit).replay([*tokens, *tokens][: limit + 1] + [97] * limit)
    with pytest.raises(RequestError):
        transcript([], 100).replay(answered)


def test_an_answer_of_no_tokens_has_ended() -> None:
    reader = transcript([], 0)

    reader.replay([])

    assert reader.reason == "length"
