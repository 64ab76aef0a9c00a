# ruff: noqa: RUF001  # models write such bars
"""The text of an answer becomes what is said, reasoned and called, however it is cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.chat.dialect import Dialect
from app.engine.chat.form import ReasoningForm, TurnForm
from app.engine.chat.general import GENERAL_CALLS
from app.engine.chat.parser import OutputParser
from app.engine.chat.tools import ToolUse, tool_use
from app.wire.engine import CallArguments, CallBegun, PromptChat, Said
from tests.engine.chat.speech import TOOLS, heard, learned, parser_of, plain, user

FORM = TurnForm(reasoning=ReasoningForm("<think>", "</think>"), calls=GENERAL_CALLS)
USE = tool_use(PromptChat(messages=[], tools=TOOLS))


def parser(use: ToolUse = USE, seen: str = "") -> OutputParser:
    return OutputParser(FORM, use, lambda index: f"id{index}", seen)


CALL = '<tool_call>{"name": "noop", "arguments": {}}</tool_call>'

TABLE = [
    ("Hello.", ["Hello."]),
    ("  Hello. \n", ["  Hello. \n"]),
    ("<think>Hm.</think>Yes.", [("think", "Hm."), "Yes."]),
    ("<think>\nHm.\n\n</think>\n\nYes.\n", [("think", "Hm."), "Yes.\n"]),
    ("<think></think>Yes.", ["Yes."]),
    ("<think>Hm.", [("think", "Hm.")]),
    ("a < b, <thin, </think", ["a < b, <thin, </think"]),
    (f"Now:\n{CALL}", ["Now:", ("noop", {})]),
    (f"{CALL}\n{CALL}", [("noop", {}), ("noop", {})]),
    (f"{CALL} done", [("noop", {}), "done"]),
    (f"<think>so</think>\n{CALL}", [("think", "so"), ("noop", {})]),
    (f"<think>not {CALL} yet</think>x", [("think", f"not {CALL} yet"), "x"]),
    (
        '<tool_call>\n{"arguments": {"city": "ß \\u00e9\\n"}, "name": "get_weather"}\n</tool_call>',
        [("get_weather", {"city": "ß é\n"})],
    ),
    ('<tool_call>{"name": "other", "arguments": null}</tool_call>', [("other", {})]),
    ('<tool_call>{"name": "noop"}</tool_call>', [("noop", {})]),
    (
        '<tool_call>{"name": "noop", "arguments": "{\\"a\\": \\"\\ud83d\\ude00\\"}"}</tool_call>',
        [("noop", {"a": "😀"})],
    ),
    ("The tag <tool_call> opens a call.", ["The tag <tool_call> opens a call."]),
    ("Hm \n<tool_call>{'name'}</tool_call>", ["Hm \n<tool_call>{'name'}</tool_call>"]),
    ("<tool_call>{}</tool_call>", ["<tool_call>{}</tool_call>"]),
    ('<tool_call>{"name": "no', ['<tool_call>{"name": "no']),
    ("<tool_call>", ["<tool_call>"]),
    (f"<tool_call>oh {CALL}", ["<tool_call>oh", ("noop", {})]),
]


@pytest.mark.parametrize(("text", "parts"), TABLE)
def test_an_answer_is_split_into_its_parts(text: str, parts: list[object]) -> None:
    assert plain(heard(parser(), [text])) == parts
    assert plain(heard(parser(), text)) == parts


_WORDS = ("<think>", "</think>", "<tool_call>", "</tool_call>", CALL, '{"name": "noop"')
_SIGNS = (', "arguments"', ": {", '"a": "\\u00', 'e9"', "}", "}}", "\n", " ", "x", "<", "</")
FRAGMENTS = st.sampled_from((*_WORDS, *_SIGNS, "é😀", '"', "\\", ","))


@given(st.lists(FRAGMENTS, max_size=12).map("".join), st.data())
def test_any_cut_of_any_text_is_heard_alike(text: str, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, len(text)), max_size=12))
    cuts = [0, *sorted(places), len(text)]

    pieces = [text[a:b] for a, b in pairwise(cuts)]

    assert heard(parser(), pieces) == heard(parser(), [text])


def unmarked(text: str) -> str:
    return "".join(text.replace("</think>", "").replace("<think>", "").split())


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_nothing_but_markers_and_space_is_lost_without_tools(text: str) -> None:
    parts = heard(parser(ToolUse()), text)

    shown = "".join(part.text for part in parts if not isinstance(part, CallBegun))
    assert unmarked(shown) == unmarked(text)


@given(st.text(), st.lists(st.integers(1, 7), max_size=20))
def test_a_call_brings_any_text_over(text: str, sizes: list[int]) -> None:
    call = {"name": "get_weather", "arguments": {"city": text}}
    written = f"<tool_call>{json.dumps(call)}</tool_call>"
    pieces, at = [], 0
    for size in sizes:
        pieces.append(written[at : at + size])
        at += size

    parts = heard(parser(), [*pieces, written[at:]])

    assert plain(parts) == [("get_weather", {"city": text})]


def test_arguments_come_while_they_are_written() -> None:
    answer = parser()

    begun = answer.feed('<tool_call>{"name": "noop", "arguments": {"city": "Par')
    more = answer.feed("is is")

    assert begun[0] == CallBegun(index=0, id="id0", name="noop")
    assert begun[1] == CallArguments(index=0, text='{"city": "Par')
    assert more == [CallArguments(index=0, text="is is")]


def test_reasoning_that_the_prompt_has_opened_is_heard_as_such() -> None:
    answer = parser(seen="<think>")
    assert answer.in_reasoning

    parts = heard(answer, ["\nHm", ".\n</th", "ink>\n\nYes."])

    assert plain(parts) == [("think", "Hm."), "Yes."]
    assert not answer.in_reasoning


def test_reasoning_that_the_prompt_has_closed_is_over() -> None:
    answer = parser(seen="<think>\n\n</think>")

    assert not answer.in_reasoning
    assert plain(heard(answer, ["\n\nYes."])) == ["Yes."]


def test_without_tools_a_call_is_text() -> None:
    answer = parser(ToolUse())

    assert plain(heard(answer, [CALL])) == [CALL]
    assert not answer.has_calls


def test_calls_are_counted_and_named_once_each() -> None:
    answer = parser()

    parts = heard(answer, [CALL, CALL])

    assert [part for part in parts if isinstance(part, CallBegun)] == [
        CallBegun(index=0, id="id0", name="noop"),
        CallBegun(index=1, id="id1", name="noop"),
    ]
    assert answer.has_calls


_JSON = '{"city": "Paris", "days": 3}'
_CALL = f'{{"name": "get_weather", "arguments": {_JSON}}}'

WRITTEN = [
    ("Qwen3-Coder", "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
     "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"),
    ("Qwen3-Coder", "<function=get_weather><parameter=city>Paris</parameter>"
     "<parameter=days>3</parameter></function>"),
    ("GLM-4.6", "<think></think>\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>"
     "Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>"),
    ("Mistral-Small-3.2-24B-Instruct-2506",
     f"[TOOL_CALLS]get_weather[CALL_ID]abc123XYZ[ARGS]{_JSON}"),
    ("mistralai-Mistral-Nemo-Instruct-2407", f"[TOOL_CALLS] [{_CALL}]"),
    ("LFM2.5-8B-A1B", "<|tool_call_start|>[get_weather(city='Paris', days=3)]<|tool_call_end|>"),
    ("LFM2.5-8B-A1B", '<|tool_call_start|>[get_weather(days = 3, city="Paris")]<|tool_call_end|>'),
    ("google-gemma-4-31B-it",
     '<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:3}<tool_call|>'),
    ("MiniMax-M2", 'Hm.\n</think>\n\n<minimax:tool_call>\n<invoke name="get_weather">\n'
     '<parameter name="city">Paris</parameter>\n<parameter name="days">3</parameter>\n'
     "</invoke>\n</minimax:tool_call>"),
    ("openai-gpt-oss-120b", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>"
     f"commentary to=functions.get_weather <|constrain|>json<|message|>{_JSON}"),
    ("openai-gpt-oss-120b",
     f" to=functions.get_weather<|channel|>commentary json<|message|>{_JSON}<|call|>"),
    ("meta-llama-Llama-3.1-8B-Instruct", _CALL.replace("arguments", "parameters")),
    ("meetkai-functionary-medium-v3.2", f"get_weather\n{_JSON}"),
    ("moonshotai-Kimi-K2", "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
     f"<|tool_call_argument_begin|>{_JSON}<|tool_call_end|><|tool_calls_section_end|>"),
    ("Apertus-8B-Instruct", f'<|tools_prefix|>[{{"get_weather": {_JSON}}}]<|tools_suffix|>'),
    ("deepseek-ai-DeepSeek-V3.1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather"
     f"<｜tool▁sep｜>{_JSON}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
    ("google-gemma-2-2b-it", f"<tool_call>{_CALL}</tool_call>"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), WRITTEN)
def test_calls_are_read_as_models_write_them(name: str, text: str) -> None:
    dialect = learned(name)

    whole = plain(heard(parser_of(dialect), [text]))
    letters = plain(heard(parser_of(dialect), text))

    assert whole == letters
    assert [part for part in whole if part != ("think", "Hm.")] == [
        ("get_weather", {"city": "Paris", "days": 3})
    ]


def test_the_models_own_id_is_kept() -> None:
    text = "[TOOL_CALLS]noop[CALL_ID]abc123XYZ[ARGS]{}"

    parts = heard(parser_of(learned("Mistral-Small-3.2-24B-Instruct-2506")), [text])

    assert parts[0] == CallBegun(index=0, id="abc123XYZ", name="noop")


def test_other_ids_are_long_differ_and_repeat_with_the_request() -> None:
    chat = PromptChat(messages=[user("hi")], tools=TOOLS)
    dialect = Dialect.learn(None, bos="", eos="")

    def ids() -> list[str]:
        prepared = dialect.prepare(chat, None)
        parts = [heard(prepared.new_parser(), [CALL + CALL]) for _ in range(2)]
        return [part.id for row in parts for part in row if isinstance(part, CallBegun)]

    first, second = ids(), ids()

    assert first == second
    assert len(set(first)) == 4
    assert all(len(one) == 29 and one.startswith("call_") for one in first)


def test_json_that_is_no_call_is_said_where_calls_have_no_marker() -> None:
    dialect = learned("meta-llama-Llama-3.1-8B-Instruct")

    for text in ('{"name": "unknown", "parameters": {}}', '{"a": 1}', 'See {"name": "noop"}'):
        assert plain(heard(parser_of(dialect), text)) == [text]


def test_plain_words_are_said_as_they_come() -> None:
    answer = parser()
    words = [f" word{index}" for index in range(1000)]
    answer.feed("So")

    said = [answer.feed(word) for word in words]

    assert said == [[Said(text=word)] for word in words]
