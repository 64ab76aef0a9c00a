"""An answer that goes on after delivered tokens: turns with reasoning and calls, with the toy."""

from collections.abc import Iterator

import pytest

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.wire.engine import Generate, PromptChat, PromptText, Said, Sampling
from tests.support.engine_child import EngineChild
from tests.support.resumed import check_every_cut, steps, tell

GREEDY = Sampling(temperature=0)
TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}
CALL = '<tool_call>\n{"name": "find", "arguments": {"what": "%s"}}\n</tool_call>'


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineChild]:
    file = tmp_path_factory.mktemp("toy") / "a.toy"
    file.write_text("{}")
    with EngineChild(file, plan=LoadPlan(context=2048, cells=8192, speculation=False)) as child:
        yield child


def chat(message: str, **more: object) -> Generate:
    prompt = PromptChat(messages=[{"role": "user", "content": message}], tools=[TOOL])
    fields: dict[str, object] = {"prompt": prompt, "sampling": GREEDY, **more}
    return Generate(request=RequestId("chat"), **fields)  # type: ignore[arg-type]


def test_reasoning_words_and_calls_go_on_wherever_they_were_cut(engine: EngineChild) -> None:
    turn = f"<think>\nHm, größer?\n</think>\n\nI look for €.\n{CALL % 'grün'}\n{CALL % 'rot'}"

    whole = check_every_cut(engine, chat(turn))

    assert whole.answered.reasoning() == "Hm, größer?"
    assert whole.answered.text() == "I look for €."
    assert len(whole.answered.calls()) == 2
    assert whole.end == ("tool_calls", None)
    assert len(steps(whole)) == len(whole.tokens) + 1


def test_the_seam_may_lie_in_a_marker_a_character_or_a_stop_string(engine: EngineChild) -> None:
    whole = check_every_cut(
        engine, chat("<think>\nso\n</think>\n\na € b <tool_ STOP it", stop=("STOP",))
    )

    assert whole.answered.text() == "a € b <tool_ "
    assert whole.end == ("stop", "STOP")


def test_a_drawn_answer_of_the_toy_goes_on(engine: EngineChild) -> None:
    sampling = Sampling(temperature=9.0, seed=5)

    whole = check_every_cut(engine, chat("some words", sampling=sampling, max_tokens=40))

    assert whole.tokens[:10] != list(b"some words")


def test_the_echo_is_not_sent_again(engine: EngineChild) -> None:
    generate = Generate(
        request=RequestId("echo"),
        prompt=PromptText(text="abc"),
        sampling=GREEDY,
        echo=True,
        max_tokens=4,
    )
    whole = tell(engine, generate, "whole")

    rest = tell(engine, generate, "rest", whole.tokens[:2])

    assert whole.answered.text() == "abcdefg"
    assert rest.parts == [Said(text="f"), Said(text="g")]


def test_tokens_are_told_only_where_they_are_asked_for(engine: EngineChild) -> None:
    quiet = engine.answer(chat("€", max_tokens=9))

    assert [delta.token_ids for delta in quiet.deltas] == [[]]
    assert [delta.tokens for delta in quiet.deltas] == [3]


def test_each_step_tells_its_tokens_also_where_its_text_is_held_back(engine: EngineChild) -> None:
    whole = tell(engine, chat("€"), "steps")

    assert [delta.token_ids for delta in whole.deltas] == [[0xE2], [0x82], [0xAC]]
    assert [bool(delta.parts) for delta in whole.deltas] == [False, False, True]
