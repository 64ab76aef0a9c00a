"""Laws of bad input: whatever is sent, the answer is a 4xx that names the field, never a 500.

The table is what a careful person would try; hypothesis tries the rest.
"""

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.base.errors import RequestError
from app.server.web.body import decode_body
from app.server.web.openai.embeddings import embedding_inputs
from app.server.web.openai.generate import (
    chat_generate,
    check_chat,
    completion_generate,
    completion_prompts,
    keep_alive_of,
)
from app.server.web.openai.sampling import bias_words
from app.wire.openai.chat import ChatRequest
from app.wire.openai.completions import CompletionRequest
from app.wire.openai.embeddings import EmbeddingRequest
from app.wire.openai.errors import ErrorAnswer
from tests.server.web.conftest import Web
from tests.wire.strategies import JSON, instances

HELLO = [{"role": "user", "content": "hi"}]
INT_TOO_LARGE = 2**63

WRONG_FIELDS: list[tuple[str, Any]] = [
    *[("messages", each) for each in (None, [], {}, "hi", 5, [1], [[]], [None], "[]")],
    *[("model", each) for each in (5, [], {}, True, "x" * 1025)],
    *[("stream", each) for each in ("yes", 1, [], {})],
    *[("stream_options", each) for each in ("x", 1, [])],
    *[("n", each) for each in (0, -1, 17, 1_000_000, 1.5, "2", True, [], INT_TOO_LARGE)],
    *[("temperature", each) for each in (-0.1, 101, "hot", True, [], 10**400)],
    *[("top_p", each) for each in (-0.1, 1.1, "x", [])],
    *[("top_k", each) for each in (-2, 1.5, "x", INT_TOO_LARGE)],
    *[("min_p", each) for each in (-0.1, 1.1)],
    *[("typical_p", each) for each in (-0.1, 1.1)],
    *[("top_n_sigma", each) for each in (-2, "x")],
    *[("xtc_probability", each) for each in (-0.1, 1.1)],
    *[("xtc_threshold", each) for each in (-0.1, 1.1)],
    *[("dynatemp_range", each) for each in (-1, "x")],
    *[("dynatemp_exponent", each) for each in (0, -1)],
    *[("repeat_penalty", each) for each in (0, -1, "x")],
    *[("repeat_last_n", each) for each in (-2, 1.5)],
    *[("presence_penalty", each) for each in (-2.1, 2.1)],
    *[("frequency_penalty", each) for each in (-2.1, 2.1, "x")],
    *[("dry_multiplier", each) for each in (-1, "x")],
    *[("dry_base", each) for each in (0.5, "x")],
    *[("dry_allowed_length", each) for each in (-1, 1.5)],
    *[("dry_penalty_last_n", each) for each in (-2, "x")],
    *[("dry_sequence_breakers", each) for each in ("x", [1], ["x"] * 65)],
    *[("mirostat", each) for each in (-1, 3, "x")],
    *[("mirostat_tau", each) for each in (-1, "x")],
    *[("mirostat_eta", each) for each in (-1, "x")],
    *[("min_keep", each) for each in (-1, "x")],
    *[("max_tokens", each) for each in (-2, 1.5, "10", True, INT_TOO_LARGE)],
    *[("max_completion_tokens", each) for each in (-2, "10")],
    *[("n_predict", each) for each in (-2, "10")],
    *[("seed", each) for each in (1.5, "x", INT_TOO_LARGE, -(2**63) - 1)],
    *[("stop", each) for each in (5, {}, [5], ["x"] * 65, "x" * 1025, [None])],
    *[("logit_bias", each) for each in (5, "x", [1], [[1]], [[1, 2, 3]], {"1": "x"}, {"1": []})],
    *[("logit_bias", each) for each in ({"1": True}, {"300": 1}, {"-1": 1}, [[1.5, 1]])],
    ("logit_bias", {f"word {index}": 1 for index in range(300)}),
    *[("logprobs", each) for each in (5, "yes")],
    *[("top_logprobs", each) for each in (5, -1, 21, "x")],
    *[("response_format", each) for each in ("json", {}, {"type": "yaml"}, {"type": 5}, [])],
    *[("json_schema", each) for each in ("x", 5, [])],
    *[("grammar", each) for each in (5, {}, [])],
    *[("tools", each) for each in ("x", {}, [1], [{}], [{"type": "function"}], [{"type": "x"}])],
    ("tools", [{"type": "function", "function": {"name": ""}}]),
    ("tools", [{"type": "function", "function": {"name": "f", "parameters": []}}]),
    ("tools", [{"type": "function", "function": {"name": "f"}}] * 513),
    *[("tool_choice", each) for each in ("maybe", 5, {"type": "x"}, {}, "required")],
    *[("parallel_tool_calls", each) for each in ("x", 1)],
    *[("functions", each) for each in ("x", [1], [{}])],
    *[("function_call", each) for each in ("maybe", {}, 5)],
    *[("reasoning_effort", each) for each in ("extreme", 5)],
    *[("chat_template_kwargs", each) for each in ("x", [], 5)],
    *[("keep_alive", each) for each in ("soon", [], {}, True)],
    *[("ttl", each) for each in (-2, "x")],
    *[("modalities", each) for each in (["audio"], "text", [5])],
    *[("audio", each) for each in ({}, {"voice": "x"})],
    ("web_search_options", {}),
    ("moderation", {"model": "m"}),
    *[("user", each) for each in (5, [])],
    *[("metadata", each) for each in ("x", [])],
    *[("store", each) for each in ("x", 1)],
    *[("verbosity", each) for each in ("loud", 5)],
    *[("continue_final_message", each) for each in (True, "x")],
]

WRONG_MESSAGES: list[tuple[Any, str]] = [
    ({"content": "x"}, "messages[0].role"),
    ({"role": "alien", "content": "x"}, "messages[0].role"),
    ({"role": 5, "content": "x"}, "messages[0].role"),
    ({"role": None, "content": "x"}, "messages[0].role"),
    ({"role": "user"}, "messages[0].content"),
    ({"role": "user", "content": None}, "messages[0].content"),
    ({"role": "user", "content": 5}, "messages[0].content"),
    ({"role": "user", "content": {}}, "messages[0].content"),
    ({"role": "user", "content": [5]}, "messages[0].content[0]"),
    ({"role": "user", "content": [{}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "text", "text": 5}]}, "messages[0].content[0].text"),
    ({"role": "system", "content": None}, "messages[0].content"),
    ({"role": "tool"}, "messages[0].content"),
    ({"role": "function", "content": "x"}, "messages[0].name"),
    ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
    ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].type"),
    (
        {"role": "assistant", "tool_calls": [{"function": {}}]},
        "messages[0].tool_calls[0].function.name",
    ),
    (
        {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "x"}}]},
        "messages[0].tool_calls[0].type",
    ),
    ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "messages[0].audio"),
]

NOT_JSON = [
    b"", b"{", b"[", b"null", b"5", b'"x"', b"[]", b"{}x", b"\xff\xfe", b"\x00", b'{"messages":',
    b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    b'{"messages": [{"role": "user", "content": "\xff"}]}',
    b'{"temperature": NaN, "messages": [{"role": "user", "content": "a"}]}',
    b'{"temperature": Infinity, "messages": [{"role": "user", "content": "a"}]}',
    b'{"temperature": 1e999, "messages": [{"role": "user", "content": "a"}]}',
    b'{"json_schema": ' + b'{"items":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    b"[" * 50_000,
]  # fmt: skip


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error, which must be the caller's and in OpenAI's shape."""
    msgspec.json.decode(response.content, type=ErrorAnswer)
    assert 400 <= response.status_code < 500
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return dict(error)


@pytest.mark.parametrize(
    ("field", "value"), WRONG_FIELDS, ids=[f"{f}={str(v)[:20]}" for f, v in WRONG_FIELDS]
)
def test_a_wrong_value_is_a_400_that_names_its_field(web: Web, field: str, value: object) -> None:
    body = {"model": "echo", "messages": HELLO, field: value}

    response = web.client.post("/v1/chat/completions", json=body)

    error = error_of(response)
    assert response.status_code == 400
    assert error["param"].startswith(field)
    assert error["message"].startswith(error["param"])
    assert not web.node.generates, "nothing was computed"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (
            "tool_choice",
            "maybe",
            "'maybe' is not known here; it may be 'auto', 'none' or 'required'",
        ),
        ("tool_choice", {"type": "x"}, "it may be 'allowed_tools', 'custom' or 'function'"),
        (
            "response_format",
            {"type": "yaml"},
            "'grammar', 'json_object', 'json_schema', 'regex' or",
        ),
        ("reasoning_effort", "extreme", "it may be 'high', 'low', 'max', 'medium', 'minimal', "),
        ("function_call", "maybe", "it may be 'auto' or 'none'"),
        ("messages", [{"role": "alien"}], "'alien' is not known here; it may be 'system', "),
    ],
    ids=lambda value: str(value)[:20],
)
def test_who_says_a_word_that_is_not_known_is_told_those_that_are(
    web: Web, field: str, value: object, words: str
) -> None:
    response = web.client.post("/v1/chat/completions", json={"messages": HELLO, field: value})

    assert words in error_of(response)["message"]


@pytest.mark.parametrize(("message", "field"), WRONG_MESSAGES, ids=[f for _, f in WRONG_MESSAGES])
def test_a_wrong_message_is_a_400_that_names_its_place(
    web: Web, message: object, field: str
) -> None:
    response = web.client.post("/v1/chat/completions", json={"messages": [message]})

    assert error_of(response)["param"] == field


@pytest.mark.parametrize("body", NOT_JSON, ids=[str(body[:30]) for body in NOT_JSON])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize"]
)
def test_what_is_no_json_object_is_a_400(web: Web, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    response = web.client.post(path, content=body, headers=headers)

    assert response.status_code == 400
    error_of(response)


@pytest.mark.parametrize("field", ["max_tokens", "n", "seed", "top_k", "ttl", "top_logprobs"])
def test_a_whole_number_may_be_written_with_a_point(field: str) -> None:
    body = {"messages": HELLO, "temperature": 1.0, "logprobs": True, field: 2.0}

    request = decode_body(ChatRequest, json.dumps(body).encode())

    assert getattr(request, field) == 2
    assert isinstance(getattr(request, field), int)


@pytest.mark.parametrize("number", ["2.5", "1e300", "9223372036854775808.0", "-3.0"])
def test_a_number_with_a_fraction_or_past_the_range_is_no_whole_one(number: str) -> None:
    body = b'{"messages": [{"role": "user", "content": "a"}], "top_k": %s}' % number.encode()

    with pytest.raises(RequestError) as refused:
        decode_body(ChatRequest, body)

    assert refused.value.field == "top_k"


def test_a_missing_field_is_named(web: Web) -> None:
    for path, field in (
        ("/v1/chat/completions", "messages"),
        ("/v1/completions", "prompt"),
        ("/v1/embeddings", "input"),
        ("/tokenize", "content"),
        ("/detokenize", "tokens"),
    ):
        error = error_of(web.client.post(path, json={"model": "echo"}))

        assert error["param"] == field
        assert error["message"] == f"{field}: is required"


def test_what_nobody_knows_is_skipped_and_null_is_absent(web: Web) -> None:
    nulls = {name: None for name in ChatRequest.__struct_fields__ if name != "messages"}

    response = web.chat(**{**nulls, "model": "echo", "best_friend": {"x": [1]}})  # type: ignore[arg-type]

    assert response.status_code == 200


# Any JSON object whose keys are a request's own fields, so that hypothesis gets past the first one.
FIELDS = sorted({*ChatRequest.__struct_fields__, *CompletionRequest.__struct_fields__, "input"})
ALMOST = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
def test_no_json_whatever_makes_the_server_fail(web: Web, path: str) -> None:
    @settings(max_examples=120)
    @given(body=ALMOST, is_greeted=st.booleans())
    def attempt(body: dict[str, Any], is_greeted: bool) -> None:
        greeting = {"model": "echo", "messages": HELLO, "prompt": "a", "input": "a"}
        response = web.client.post(path, json={**body, **greeting} if is_greeted else body)

        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            msgspec.json.decode(response.content, type=ErrorAnswer)

    attempt()


def _chat(request: ChatRequest) -> None:
    keep_alive_of(request)
    words = {word: [1, 2] for word in bias_words(request)}
    chat = check_chat(request)
    chat_generate(
        request,
        chat,
        request_id="r",
        domain="d",
        words=words,
        vocabulary=300,  # type: ignore[arg-type]
    )


def _complete(request: CompletionRequest) -> None:
    words = {word: [1, 2] for word in bias_words(request)}
    for prompt in completion_prompts(request):
        completion_generate(
            request,
            prompt,
            request_id="r",
            domain="d",
            words=words,
            vocabulary=300,  # type: ignore[arg-type]
        )


@given(request=instances(ChatRequest))
def test_every_legal_chat_request_becomes_a_generation_or_a_named_refusal(
    request: ChatRequest,
) -> None:
    try:
        _chat(request)
    except RequestError as error:
        assert error.field


@given(request=instances(CompletionRequest))
def test_every_legal_completion_becomes_generations_or_a_named_refusal(
    request: CompletionRequest,
) -> None:
    try:
        _complete(request)
    except RequestError as error:
        assert error.field


@given(request=instances(EmbeddingRequest))
def test_every_legal_embedding_has_inputs_or_a_named_refusal(request: EmbeddingRequest) -> None:
    try:
        assert all(embedding_inputs(request))
    except RequestError as error:
        assert error.field


@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_whatever_make_the_decoder_fail(body: bytes) -> None:
    try:
        decode_body(ChatRequest, body)
    except RequestError as error:
        assert error.message
