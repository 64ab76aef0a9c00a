"""Laws of a chat request's way to the engine: messages, tools, output, limits."""

import msgspec
import pytest

from app.core.base.errors import RequestError
from app.core.base.ids import OWNER_DOMAIN, Domain, RequestId
from app.server.web.body import decode_body
from app.server.web.openai.generate import chat_generate, check_chat, keep_alive_of
from app.wire.engine import (
    Generate,
    OutputGrammar,
    OutputJson,
    OutputRegex,
    OutputSchema,
    PromptChat,
    Sampling,
)
from app.wire.openai.chat import ChatRequest

HELLO = [{"role": "user", "content": "hi"}]
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


def request_of(**fields: object) -> ChatRequest:
    body = msgspec.json.encode({"messages": HELLO, **fields})
    request = decode_body(ChatRequest, body)
    assert isinstance(request, ChatRequest)
    return request


def chat_of(**fields: object) -> PromptChat:
    return check_chat(request_of(**fields))


def generate_of(**fields: object) -> Generate:
    request = request_of(**fields)
    return chat_generate(
        request,
        check_chat(request),
        request_id=RequestId("r"),
        domain=OWNER_DOMAIN,
        words={"yes": [7, 8]},
        vocabulary=300,
    )


def refusal_of(**fields: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        generate_of(**fields)
    return caught.value


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


# --- output ----------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, OutputJson()),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            OutputSchema(schema=SCHEMA),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
            OutputSchema(schema=SCHEMA),
        ),
        (
            {"response_format": {"type": "json_schema", "schema": SCHEMA}},
            OutputSchema(schema=SCHEMA),
        ),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, OutputJson()),
        (
            {"response_format": {"type": "grammar", "grammar": 'root ::= "a"'}},
            OutputGrammar(text='root ::= "a"'),
        ),
        ({"response_format": {"type": "regex", "pattern": "a+"}}, OutputRegex(pattern="a+")),
        ({"json_schema": SCHEMA}, OutputSchema(schema=SCHEMA)),
        ({"json_schema": {}}, OutputJson()),
        ({"grammar": 'root ::= "a"'}, OutputGrammar(text='root ::= "a"')),
        ({"grammar": ""}, None),
    ],
)
def test_the_form_of_the_answer_is_found_in_each_of_its_places(
    fields: dict[str, object], output: object
) -> None:
    assert generate_of(**fields).output == output


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"json_schema": SCHEMA, "grammar": "x"}, "grammar"),
        ({"response_format": {"type": "json_object"}, "json_schema": SCHEMA}, "json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "regex"}}, "response_format.pattern"),
        ({"response_format": {"type": "grammar"}}, "response_format.grammar"),
        ({"json_schema": {"const": 2**70}}, "json_schema"),
    ],
)
def test_a_form_that_cannot_be_is_refused_by_name(fields: dict[str, object], field: str) -> None:
    assert refusal_of(**fields).field == field


def test_a_schema_nested_beyond_reason_never_reaches_the_engine() -> None:
    schema: dict[str, object] = {}
    for _ in range(100):
        schema = {"items": schema}

    assert refusal_of(json_schema=schema).field == "json_schema"
    assert refusal_of(chat_template_kwargs=schema).field == "chat_template_kwargs"
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert refusal_of(tools=[tool]).field == "tools[0]"


# --- limits and sampling ---------------------------------------------------------------------


def test_who_says_nothing_gets_llama_cpps_defaults() -> None:
    generate = generate_of()

    assert generate.sampling == Sampling()
    assert (generate.max_tokens, generate.choices, generate.stop) == (None, 1, ())
    assert generate.cache_prompt and generate.top_logprobs is None


def test_every_sampling_parameter_reaches_the_engine_under_its_name() -> None:
    said = {
        "temperature": 0.5, "top_k": 3, "top_p": 0.5, "min_p": 0.25, "typical_p": 0.5,
        "top_n_sigma": 2.0, "xtc_probability": 0.5, "xtc_threshold": 0.25, "dynatemp_range": 0.5,
        "dynatemp_exponent": 2.0, "repeat_last_n": 7, "repeat_penalty": 1.5,
        "presence_penalty": 0.5, "frequency_penalty": -0.5, "dry_multiplier": 0.5,
        "dry_base": 2.0, "dry_allowed_length": 4, "dry_penalty_last_n": 9, "mirostat": 2,
        "mirostat_tau": 4.0, "mirostat_eta": 0.2, "min_keep": 2, "ignore_eos": True, "seed": 5,
    }  # fmt: skip

    sampling = generate_of(**said, dry_sequence_breakers=["x"], logit_bias={"1": 2}).sampling

    assert {name: getattr(sampling, name) for name in said} == said
    assert sampling.dry_sequence_breakers == ("x",)
    assert set(said) | {"dry_sequence_breakers", "logit_bias"} == set(Sampling.__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "n_predict": 7}, 7),
        ({"max_tokens": -1}, None),
        ({"n_predict": -1, "max_tokens": 5}, None),
        ({"max_tokens": 0}, 0),
    ],
)
def test_the_limit_of_tokens_has_three_names(fields: dict[str, object], limit: int | None) -> None:
    assert generate_of(**fields).max_tokens == limit


@pytest.mark.parametrize(
    ("seed", "drawn"),
    [
        (None, None),
        (-1, None),
        (2**32 - 1, None),
        (0, 0),
        (42, 42),
        (2**32 + 4, 5),
        (-2, 2**32 - 3),
    ],
)
def test_a_seed_is_folded_into_32_bits_and_minus_one_draws_one(
    seed: int | None, drawn: int | None
) -> None:
    assert generate_of(seed=seed).sampling.seed == drawn


@pytest.mark.parametrize(
    ("bias", "biases"),
    [
        ({"5": -100, "6": 2.5}, ((5, -100.0), (6, 2.5))),
        ([[5, -100], [6, False]], ((5, -100.0), (6, float("-inf")))),
        ({"yes": 1}, ((7, 1.0), (8, 1.0))),
        ([["yes", False], ["9", 1]], ((7, float("-inf")), (8, float("-inf")), (9, 1.0))),
        ({}, ()),
    ],
)
def test_a_bias_is_taken_in_each_of_its_shapes(
    bias: object, biases: tuple[tuple[int, float], ...]
) -> None:
    assert generate_of(logit_bias=bias).sampling.logit_bias == biases


@pytest.mark.parametrize("bias", [{"300": 1}, {"-1": 1}, {"5": True}, [[300, 1]]])
def test_a_bias_on_no_token_is_refused(bias: object) -> None:
    assert refusal_of(logit_bias=bias).field == "logit_bias"


@pytest.mark.parametrize(
    ("fields", "top"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 5}, 5),
    ],
)
def test_logprobs_are_asked_for_in_two_fields(fields: dict[str, object], top: int | None) -> None:
    assert generate_of(**fields).top_logprobs == top


def test_top_logprobs_alone_are_refused() -> None:
    assert refusal_of(top_logprobs=3).field == "top_logprobs"


def test_stops_come_as_text_or_list_and_empty_ones_stop_nothing() -> None:
    assert generate_of(stop="a").stop == ("a",)
    assert generate_of(stop=["a", "", "b"]).stop == ("a", "b")


def test_progress_is_asked_of_the_engine_only_where_a_stream_shows_it() -> None:
    assert generate_of(stream=True, return_progress=True).progress
    assert generate_of(stream=True, timings_per_token=True).progress
    assert not generate_of(return_progress=True).progress


def test_the_callers_trust_domain_goes_with_the_request() -> None:
    request = request_of()

    generate = chat_generate(
        request,
        check_chat(request),
        request_id=RequestId("r"),
        domain=Domain("key-1"),
        words={},
        vocabulary=9,
    )

    assert generate.domain == "key-1"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "m"}}, "moderation"),
    ],
)
def test_what_this_server_cannot_do_is_refused_by_name(
    fields: dict[str, object], field: str
) -> None:
    assert refusal_of(**fields).field == field


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"keep_alive": 300}, 300.0),
        ({"keep_alive": "5m"}, 300.0),
        ({"keep_alive": "1h30m"}, 5400.0),
        ({"keep_alive": "90s"}, 90.0),
        ({"keep_alive": "0"}, 0.0),
        ({"keep_alive": -1}, -1.0),
        ({"keep_alive": "-1"}, -1.0),
        ({"keep_alive": -500}, -1.0),
        ({"ttl": 60}, 60.0),
        ({"keep_alive": 1e300}, 10 * 365 * 86400.0),
    ],
)
def test_keep_alive_is_said_in_seconds_or_durations(
    fields: dict[str, object], seconds: float | None
) -> None:
    assert keep_alive_of(request_of(**fields)) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "nan", "inf", "m5", "1e9"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        keep_alive_of(request_of(keep_alive=text))

    assert caught.value.field == "keep_alive"
