"""A conversation becomes a prompt of the model's own kind, with nothing of it lost."""

import copy
import json
from datetime import datetime

import pytest

from app.core.base.errors import InvalidGrammar, RequestError, TemplateFailed
from app.engine.chat import probe
from app.engine.chat.dialect import Dialect
from app.engine.chat.template import SOURCE_CHARACTERS_MAX
from app.wire.engine import PromptChat
from app.wire.message import Json
from tests import sdist
from tests.engine.chat.speech import (
    NOOP,
    TOOLS,
    WEATHER,
    calling,
    heard,
    learned,
    plain,
    result,
    system,
    user,
)

HISTORY = [
    system("SYSTEM says"),
    user("QUESTION one"),
    {**calling("get_weather", {"city": "CITY name"}), "reasoning_content": "hm"},
    result("RESULT says"),
]


def prompt(dialect: Dialect, messages: list[Json], **chat: object) -> str:
    return dialect.prepare(PromptChat(messages=messages, **chat), None).text  # type: ignore[arg-type]


def cut_short(arguments: str) -> Json:
    """An assistant's turn with one call, whose arguments are any text."""
    function = {"name": "get_weather", "arguments": arguments}
    call = {"id": "call_0", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


@pytest.mark.parametrize("path", sdist.templates(), ids=lambda path: path.stem)
def test_every_template_bears_a_conversation_with_calls(path: object) -> None:
    name = getattr(path, "stem", "")
    dialect = learned(name)
    # some templates place the system's words or the tools by the last user's turn
    messages = [*HISTORY, {"role": "assistant", "content": "ANSWER says"}, user("QUESTION two")]

    text = prompt(dialect, messages, tools=TOOLS)
    fresh = prompt(dialect, HISTORY, tools=TOOLS)

    for words in ("SYSTEM says", "CITY name", "RESULT says", "ANSWER says", "QUESTION two"):
        assert words in text
    assert "RESULT says" in fresh


@pytest.mark.parametrize("path", sdist.templates(), ids=lambda path: path.stem)
def test_every_template_bears_a_call_that_was_cut_short(path: object) -> None:
    dialect = learned(getattr(path, "stem", ""))
    messages = [user("QUESTION"), cut_short('{"city": "CITY na'), result("RESULT says")]

    prepared = dialect.prepare(PromptChat(messages=messages, tools=TOOLS), None)

    assert "CITY na" in prepared.text
    assert "RESULT says" in prepared.text
    assert not prepared.new_parser().has_calls


@pytest.mark.parametrize(
    "arguments",
    ["{", '{"city": "CITY', "CITY", '"CITY"', "[1]", "[" * 99_999],
    ids=lambda text: text[:9],
)
def test_arguments_that_are_no_object_stand_in_one_as_they_were_sent(arguments: str) -> None:
    text = prompt(learned("Qwen-Qwen3-0.6B"), [user("Hi"), cut_short(arguments), result("R")])

    call = json.loads(text.split("<tool_call>\n")[1].split("\n</tool_call>")[0])
    assert call == {"name": "get_weather", "arguments": {"arguments": arguments}}


@pytest.mark.parametrize("path", sdist.templates(), ids=lambda path: path.stem)
def test_every_template_can_continue_an_answer(path: object) -> None:
    dialect = learned(getattr(path, "stem", ""))
    messages = [user("QUESTION"), {"role": "assistant", "content": "Half a sen"}]

    prepared = dialect.prepare(PromptChat(messages=messages, continue_last=True), None)

    assert prepared.text.endswith("Half a sen")


def test_the_system_is_said_by_the_user_where_there_is_no_such_role() -> None:
    text = prompt(learned("google-gemma-2-2b-it"), [system("Be brief."), user("Hi")])

    assert "user\nBe brief.\n\nHi<end_of_turn>" in text


def test_developer_and_several_system_messages_are_one_system() -> None:
    messages = [{"role": "developer", "content": "A"}, system("B"), user("Hi")]

    text = prompt(learned("Qwen-Qwen3-0.6B"), messages)

    assert text.startswith("<|im_start|>system\nA\n\nB<|im_end|>")
    assert text.count("<|im_start|>system") == 1


def test_without_a_template_chatml_is_spoken() -> None:
    text = prompt(Dialect.learn(None, bos="", eos=""), [system("S"), user("Hi")])

    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_general_form_tells_of_tools_calls_and_results() -> None:
    dialect = learned("microsoft-Phi-3.5-mini-instruct")
    assert dialect.can_call_tools
    assert not dialect.calls_natively

    text = prompt(dialect, HISTORY, tools=[WEATHER], tool_choice="required")

    assert '{"name": "get_weather", "description": "The weather of a place."' in text
    assert '<tool_call>{"name": "get_weather", "arguments": {"city": "CITY name"}}' in text
    assert "<tool_response>\nRESULT says\n</tool_response>" in text
    assert "must be a call" in text


def test_tool_choice_none_offers_no_tools() -> None:
    dialect = learned("Qwen-Qwen3-0.6B")

    chat = PromptChat(messages=[user("Hi")], tools=TOOLS, tool_choice="none")
    prepared = dialect.prepare(chat, None)

    assert "get_weather" not in prepared.text
    assert prepared.grammar is None
    call = '<tool_call>{"name": "noop", "arguments": {}}</tool_call>'
    assert plain(heard(prepared.new_parser(), [call])) == [call]


def test_ids_are_shortened_alike_in_calls_and_results() -> None:
    long = "call_0123456789abcdef01234567"
    messages = [user("Q"), calling("noop", {}, long), result("R", long)]
    messages += [{"role": "assistant", "content": "A"}, user("Q2")]

    text = prompt(learned("mistralai-Mistral-Nemo-Instruct-2407"), messages, tools=[NOOP])

    short = text.split('"id": "')[1].split('"')[0]
    assert len(short) == 9
    assert text.count(short) == 2


def test_a_template_that_misses_descriptions_gets_them() -> None:
    bare = {"type": "function", "function": {"name": "f", "parameters": {
        "type": "object", "properties": {"a": {"type": "object"}}}}}  # fmt: skip

    for name in ("CohereForAI-c4ai-command-r-plus-tool_use", "Apertus-8B-Instruct"):
        assert "f" in prompt(learned(name), [user("Hi")], tools=[bare])


# --- reasoning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "effort", "words"),
    [
        ("Qwen-Qwen3-0.6B", "none", "<think>\n\n</think>\n\n"),
        ("deepseek-ai-DeepSeek-V3.1", "high", "<｜Assistant｜><think>"),  # noqa: RUF001
        ("deepseek-ai-DeepSeek-V3.1", "none", "</think>"),
        ("openai-gpt-oss-120b", "high", "Reasoning: high"),
        ("openai-gpt-oss-120b", "minimal", "Reasoning: low"),
        ("openai-gpt-oss-120b", "none", "Reasoning: low"),
        ("Kimi-K3", "medium", "thinking_effort=low"),
        ("tencent-Hy3", "none", "reasoning_effort:no_think"),
        ("tencent-Hy3", "medium", "reasoning_effort:low"),
        ("muse-glimmer", "low", "Reasoning strength: low."),
        ("MiniMax-M3", "none", "Current thinking mode: disabled"),
    ],
)
def test_an_effort_is_told_in_the_templates_own_way(name: str, effort: str, words: str) -> None:
    assert words in prompt(learned(name), [user("Hi")], reasoning_effort=effort)


def test_template_arguments_go_over_the_effort() -> None:
    text = prompt(
        learned("Qwen-Qwen3-0.6B"),
        [user("Hi")],
        reasoning_effort="none",
        template_arguments={"enable_thinking": True, "messages": []},
    )

    assert "<think>" not in text
    assert "Hi" in text


def test_the_date_is_an_argument() -> None:
    dialect = Dialect.learn(
        sdist.template("openai-gpt-oss-120b"), bos="", eos="", now=lambda: datetime(2031, 5, 6)
    )

    assert "Current date: 2031-05-06" in prompt(dialect, [user("Hi")])


@pytest.mark.parametrize(
    ("name", "effort", "is_open"),
    [
        ("Qwen3.5-4B", None, True),
        ("Qwen3.5-4B", "none", False),
        ("GLM-4.7-Flash", None, True),
        ("Apriel-1.6-15b-Thinker-fixed", None, True),
        ("Qwen-Qwen3-0.6B", None, False),
        ("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", None, True),
    ],
)
def test_reasoning_that_the_prompt_opens_is_known(
    name: str, effort: str | None, is_open: bool
) -> None:
    chat = PromptChat(messages=[user("Hi")], reasoning_effort=effort)

    parser = learned(name).prepare(chat, None).new_parser()

    assert parser.in_reasoning is is_open


def test_a_short_word_of_the_user_does_not_hide_what_the_prompt_opens() -> None:
    parser = learned("Qwen3.5-4B").prepare(PromptChat(messages=[user("hi")]), None).new_parser()

    assert parser.in_reasoning


def test_after_a_result_an_earlier_turn_is_not_taken_for_this_one() -> None:
    for name, is_open in (("Qwen3.5-4B", True), ("deepseek-ai-DeepSeek-V3.1", False)):
        prepared = learned(name).prepare(PromptChat(messages=HISTORY, tools=TOOLS), None)

        parser = prepared.new_parser()

        assert parser.in_reasoning is is_open
        assert not parser.has_calls


def test_abilities_are_told() -> None:
    assert learned("Qwen-Qwen3-0.6B").can_reason
    assert not learned("Qwen-Qwen2.5-7B-Instruct").can_reason
    assert learned("Qwen-Qwen2.5-7B-Instruct").calls_natively


# --- what is wrong with a request ------------------------------------------------------------


def tool(**function: object) -> Json:
    return {"type": "function", "function": function}


@pytest.mark.parametrize(
    ("chat", "field", "words"),
    [
        ({"messages": []}, "messages", "empty"),
        ({"messages": [{"role": "owl", "content": "hu"}]}, "messages[0].role", "'owl'"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "text"),
        ({"tool_choice": "function:x", "tools": TOOLS}, "tool_choice", "'x'"),
        ({"tool_choice": "required"}, "tool_choice", "no tools"),
        ({"tool_choice": "maybe", "tools": TOOLS}, "tool_choice", "'maybe'"),
        ({"tools": [{"type": "web"}]}, "tools[0]", "function"),
        ({"tools": [NOOP, tool(name="a b")]}, "tools[1].function.name", "name"),
        ({"tools": [NOOP, NOOP]}, "tools[1].function.name", "noop"),
        ({"tools": [tool(name="f", parameters=[])]}, "tools[0].function.parameters", "schema"),
        (
            {"tools": [tool(name="f", parameters={"properties": {"a": {"type": "strin"}}})]},
            "tools[0].function.parameters",
            "at /properties/a",
        ),
        ({"continue_last": True}, "messages", "assistant"),
        (
            {"messages": [user("a"), {"role": "assistant"}], "continue_last": True},
            "messages",
            "nothing",
        ),
        (
            {"messages": [user("a"), {"role": "assistant", "tool_calls": [{"id": "x"}]}]},
            "messages[1].tool_calls[0]",
            "name",
        ),
        (
            {"messages": [user("a"), {"role": "assistant", "tool_calls": [
                {"function": {"name": "f", "arguments": ["a"]}}]}]},
            "messages[1].tool_calls[0].function.arguments",
            "JSON object",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(chat: dict[str, object], field: str, words: str) -> None:
    given = {"messages": [user("Hi")], **chat}

    with pytest.raises(RequestError) as failure:
        learned("Qwen-Qwen3-0.6B").prepare(PromptChat(**given), None)  # type: ignore[arg-type]

    assert failure.value.field == field
    assert words in failure.value.message


def test_an_invalid_schema_of_a_tool_is_a_grammars_fault() -> None:
    chat = PromptChat(messages=[user("Hi")], tools=[tool(name="f", parameters={"type": "bogus"})])

    with pytest.raises(InvalidGrammar):
        learned("Qwen-Qwen3-0.6B").prepare(chat, None)


@pytest.mark.parametrize("name", ["Qwen-Qwen3-0.6B", "Qwen3-Coder", "LFM2.5-8B-A1B"])
@pytest.mark.parametrize("pattern", ["^(?!-)[a-z-]+$", r"\bfoo\b", r"(a)\1"])
def test_a_pattern_of_a_tool_that_cannot_be_held_to_is_left_out(name: str, pattern: str) -> None:
    text = {"type": "string", "pattern": pattern}
    inside = {"type": "object", "properties": {"pattern": {"anyOf": [text, {"type": "null"}]}}}
    parameters = {"type": "object", "properties": {"slug": text, "more": inside}}
    chat = PromptChat(messages=[user("Hi")], tools=[tool(name="f", parameters=parameters)])

    assert learned(name).prepare(chat, None).grammar is not None


def test_a_template_that_refuses_the_order_of_roles_is_quoted() -> None:
    said = {"role": "assistant", "content": "b"}

    with pytest.raises(TemplateFailed, match="roles must alternate"):
        prompt(learned("google-gemma-2-2b-it"), [user("a"), said, said])


def test_tools_are_not_changed_by_a_template() -> None:
    template = "{% for t in tools %}{{ t.function.pop('name') }}{% endfor %}{{ messages }}"
    given = PromptChat(messages=[user("Hi")], tools=[tool(name="f")])
    probed = copy.deepcopy(probe.TOOLS)
    dialect = Dialect.learn(template, bos="", eos="")

    if dialect.can_call_tools:
        dialect.prepare(given, None)

    assert given.tools == [tool(name="f")]
    assert probed == probe.TOOLS


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% if %}", "failed at line 1: Expected an expression"),
        ("{{ 'a' }}\n{% 日本🎉 \"}}' %}", "failed at line 2"),
        ("x" * (SOURCE_CHARACTERS_MAX + 1), "has [0-9]+ characters"),
    ],
    ids=["nonsense", "nonsense in other letters", "too long"],
)
def test_a_source_that_is_no_template_refuses_conversations_with_the_reason(
    source: str, reason: str
) -> None:
    dialect = Dialect.learn(source, bos="", eos="")

    assert not dialect.can_call_tools
    with pytest.raises(TemplateFailed, match=f"^the chat template {reason}") as refused:
        prompt(dialect, [user("Hi")])
    refused.value.message.encode()
