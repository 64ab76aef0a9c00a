"""Laws of a chat request's way to the engine: messages and tools."""

import pytest

from tests.server.web.asking import HELLO, chat_of, refusal_of

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


def messages_of(*messages: dict[str, object]) -> list[dict[str, object]]:
    return chat_of(messages=list(messages)).messages


# --- messages --------------------------------------------------------------------------------


def test_text_parts_become_one_text_with_a_line_break_between() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    assert messages_of({"role": "user", "content": parts}) == [{"role": "user", "content": "a\nb"}]


def test_the_developer_speaks_as_the_system() -> None:
    assert messages_of({"role": "developer", "content": "be brief"}, *HELLO)[0] == {
        "role": "system",
        "content": "be brief",
    }


def test_a_call_and_its_result_keep_their_id() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}

    assistant, tool = messages_of(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "2", "tool_call_id": "c1"},
    )

    assert assistant == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert tool == {"role": "tool", "content": "2", "tool_call_id": "c1"}


def test_arguments_as_an_object_become_json_text() -> None:
    call = {"function": {"name": "f", "arguments": {"a": [1]}}}

    (assistant,) = messages_of({"role": "assistant", "tool_calls": [call]})

    assert assistant["tool_calls"] == [
        {"id": "call_0_0", "type": "function", "function": {"name": "f", "arguments": '{"a":[1]}'}}
    ]


def test_the_older_functions_become_calls_with_one_id_for_call_and_result() -> None:
    assistant, tool = messages_of(
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
    )

    calls = assistant["tool_calls"]
    assert isinstance(calls, list) and calls[0]["id"] == tool["tool_call_id"]
    assert (tool["role"], tool["name"]) == ("tool", "f")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_is_taken_in_each_of_its_spellings(field: str) -> None:
    (assistant, _) = messages_of({"role": "assistant", "content": "a", field: "hm"}, *HELLO)

    assert assistant["reasoning_content"] == "hm"


def test_a_refusal_stands_for_the_content_that_is_missing() -> None:
    (assistant, _) = messages_of({"role": "assistant", "refusal": "no"}, *HELLO)

    assert assistant["content"] == "no"


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "image_url", "image_url": {"url": "data:"}}, "messages[0].content[0].type"),
        ({"type": "input_audio", "input_audio": {}}, "messages[0].content[0].type"),
        ({"type": "file", "file": {}}, "messages[0].content[0].type"),
        ({"type": "smell"}, "messages[0].content[0].type"),
        ({"type": "text"}, "messages[0].content[0].text"),
        ({"type": "refusal", "text": "x"}, "messages[0].content[0].refusal"),
    ],
)
def test_a_part_that_is_no_text_is_refused_by_its_place(part: object, field: str) -> None:
    error = refusal_of(messages=[{"role": "user", "content": [part]}])

    assert error.field == field
    assert error.message.startswith(f"{field}: ")


def test_a_last_turn_of_the_assistant_is_continued_unless_the_client_says_no() -> None:
    messages = [*HELLO, {"role": "assistant", "content": "Once"}]

    assert chat_of(messages=messages).continue_last
    assert not chat_of(messages=messages, continue_final_message=False).continue_last
    assert not chat_of(messages=messages, add_generation_prompt=True).continue_last
    assert not chat_of().continue_last
    assert refusal_of(continue_final_message=True).field == "continue_final_message"


# --- tools -----------------------------------------------------------------------------------


def test_a_tool_is_shown_as_templates_know_it() -> None:
    chat = chat_of(tools=[WEATHER, TIME])

    function = WEATHER["function"]
    assert isinstance(function, dict)
    shown = {key: function[key] for key in ("name", "description", "parameters")}
    empty = {"type": "object", "properties": {}}
    assert chat.tools == [
        {"type": "function", "function": shown},
        {
            "type": "function",
            "function": {"name": "get_time", "description": "", "parameters": empty},
        },
    ]
    assert chat.tool_choice == "auto"
    assert chat.parallel_tool_calls


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "get_time"}}, "function:get_time"),
    ],
)
def test_the_choice_of_tools_has_the_engines_words(choice: object, said: str) -> None:
    assert chat_of(tools=[WEATHER, TIME], tool_choice=choice).tool_choice == said


def test_allowed_tools_leave_only_those_that_are_named() -> None:
    allowed = {"mode": "required", "tools": [{"function": {"name": "get_time"}}]}

    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    chat = chat_of(tools=[WEATHER, TIME], tool_choice=choice)

    assert chat.tool_choice == "required"
    assert len(chat.tools) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [TIME], "tool_choice": {"function": {"name": "nix"}}},
            "tool_choice.function.name",
        ),
        ({"tools": [TIME], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tools": [TIME], "tool_choice": {"type": "custom"}}, "tool_choice.type"),
        (
            {"tools": [TIME], "tool_choice": {"type": "allowed_tools"}},
            "tool_choice.allowed_tools",
        ),
        ({"tools": [TIME, TIME]}, "tools[1]"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
    ],
)
def test_a_choice_that_cannot_be_had_is_refused_by_name(
    fields: dict[str, object], field: str
) -> None:
    assert refusal_of(**fields).field == field


def test_the_older_functions_are_tools_called_one_at_a_time() -> None:
    chat = chat_of(functions=[{"name": "f"}], function_call={"name": "f"})

    assert chat.tool_choice == "function:f"
    assert not chat.parallel_tool_calls
    assert len(chat.tools) == 1
