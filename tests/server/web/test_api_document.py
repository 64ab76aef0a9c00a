"""Laws of docs/api.md: it tells every path, every field and every error, and tells them truly."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from app.core.base.errors import Fault
from app.core.base.ids import OWNER_DOMAIN, RequestId
from app.server.web.app import HANDLERS
from app.server.web.errors import _HTTP, _TABLE, _UNFORESEEN, WRONG_VALUE
from app.server.web.openai.generate import chat_generate, check_chat
from app.server.web.openai.refused import _NO_SUCH_ABILITY
from app.wire.engine import Generate, Sampling
from app.wire.local import KeyRequest, LoadRequest, UnloadRequest
from app.wire.openai.chat import ChatRequest
from app.wire.openai.completions import CompletionRequest
from app.wire.openai.embeddings import EmbeddingRequest
from app.wire.openai.native import DetokenizeRequest, ModelCommand, TokenizeRequest
from app.wire.remote import DownloadRequest

DOCUMENT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading of the second level."""
    match = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert match, f"docs/api.md has no section {title}"
    return match[1]


def first_column(text: str, head: str) -> list[str]:
    """The names in the first column of the tables whose first heading is `head`."""
    names: list[str] = []
    for table in re.findall(
        rf"^\| {re.escape(head)} \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", text, re.M
    ):
        names += re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    return names


CHAT = section("Chat")
IGNORED = first_column(CHAT, "ignored field")
REFUSED = first_column(CHAT, "refused field")
HONOURED = first_column(CHAT, "field")


def test_every_field_of_chat_stands_once_as_honoured_refused_or_ignored() -> None:
    told = HONOURED + REFUSED + IGNORED

    assert sorted(told) == sorted(ChatRequest.__struct_fields__)


def test_what_is_refused_is_what_the_code_refuses() -> None:
    assert set(REFUSED) == {*_NO_SUCH_ABILITY, "modalities"}


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Completions", [CompletionRequest]),
        ("Embeddings", [EmbeddingRequest]),
        ("Tokens", [TokenizeRequest, DetokenizeRequest]),
        ("Models", [ModelCommand]),
        ("The local API", [LoadRequest, UnloadRequest, KeyRequest, DownloadRequest]),
    ],
)
def test_every_field_of_a_request_is_told(title: str, kinds: list[type[msgspec.Struct]]) -> None:
    text = section(title) + (CHAT if title == "Completions" else "")

    for kind in kinds:
        for field in kind.__struct_fields__:
            assert f"`{field}`" in text, f"{kind.__name__}.{field} is not in section {title}"


def test_every_path_is_told_and_no_other() -> None:
    told = set(first_column(section("Endpoints"), "method and path"))
    real = {
        (method, re.sub(r":\w+}", "}", path))
        for handler in HANDLERS
        for path in handler.paths
        for method in handler.http_methods
    }
    named = {f"{method} {path}" for method, path in real}
    # Short spellings of what stands under /v1 are told in a sentence, like the front page.
    short = {path for method, path in real if f"{method} /v1{path}" in told} | {"/"}

    assert told - {"GET /openapi"} == {
        each for each in named if each in told or each.split(" ")[1] not in short
    }
    for path in short:
        assert f"`{path}`" in section("Endpoints") or f" {path}`" in section("Endpoints")


def test_the_defaults_of_sampling_are_the_engines() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ", CHAT, re.MULTILINE)
    defaults = {name: default.strip() for name, default in rows}

    for name in set(Sampling.__struct_fields__) - {"logit_bias", "seed", "dry_sequence_breakers"}:
        assert msgspec.json.decode(defaults[name]) == getattr(Sampling(), name)
    breakers = msgspec.json.decode(defaults["dry_sequence_breakers"].strip("`"))
    assert tuple(breakers) == Sampling().dry_sequence_breakers


def test_every_error_is_told_with_its_status() -> None:
    rows = [*_TABLE.values(), *_HTTP.values(), _UNFORESEEN]

    for row in rows:
        assert f"| {row.status} | `{row.type}` | `{row.code}` |" in section("Errors")


@pytest.mark.parametrize("code", [*get_args(Fault), WRONG_VALUE])
def test_what_can_be_wrong_with_a_request_is_told(code: str) -> None:
    assert f"| 400 | `invalid_request_error` | `{code}` |" in section("Errors")


# --- what the page says of chat is what the engine hears --------------------------------------

TOOL = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}

CHANGES: dict[str, Any] = {
    "messages": [{"role": "user", "content": "other"}],
    "max_completion_tokens": 5, "max_tokens": 5, "n_predict": 5, "n": 2, "stop": "x",
    "tools": [TOOL], "functions": [{"name": "f"}],
    "response_format": {"type": "json_object"}, "json_schema": SCHEMA, "grammar": "x",
    "logprobs": True, "reasoning_effort": "low", "chat_template_kwargs": {"a": 1},
    "cache_prompt": False, "parallel_tool_calls": False, "temperature": 0, "top_k": 1,
    "top_p": 0.5, "min_p": 0.5, "typical_p": 0.5, "top_n_sigma": 1, "xtc_probability": 0.5,
    "xtc_threshold": 0.5, "dynatemp_range": 1, "dynatemp_exponent": 2, "repeat_penalty": 2,
    "repeat_last_n": 5, "presence_penalty": 1, "frequency_penalty": 1, "dry_multiplier": 1,
    "dry_base": 2, "dry_allowed_length": 3, "dry_penalty_last_n": 5, "mirostat": 1,
    "dry_sequence_breakers": ["x"], "mirostat_tau": 1, "mirostat_eta": 1, "min_keep": 1,
    "logit_bias": {"1": 1}, "seed": 1, "ignore_eos": True,
}  # fmt: skip

TOGETHER: dict[str, tuple[dict[str, Any], Any]] = {
    "tool_choice": ({"tools": [TOOL]}, "required"),
    "function_call": ({"functions": [{"name": "f"}]}, {"name": "f"}),
    "top_logprobs": ({"logprobs": True}, 3),
    "return_progress": ({"stream": True}, True),
    "timings_per_token": ({"stream": True}, True),
    "continue_final_message": ({"messages": [{"role": "assistant", "content": "a"}]}, False),
    "add_generation_prompt": ({"messages": [{"role": "assistant", "content": "a"}]}, True),
}

OF_THE_SERVER = {"model", "stream", "stream_options", "keep_alive", "ttl", "provider"}
"""They change where and how the answer is given; tests of chat, leases and pools hold them."""

IDLE: dict[str, Any] = {
    "user": "u", "safety_identifier": "s", "metadata": {"a": "b"}, "store": True,
    "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "implicit"}, "verbosity": "low",
    "prediction": {"type": "content", "content": "x"},
}  # fmt: skip


def generate_of(**fields: Any) -> Generate:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    request = msgspec.convert(body, ChatRequest)
    return chat_generate(
        request,
        check_chat(request),
        request_id=RequestId("r"),
        domain=OWNER_DOMAIN,
        words={},
        vocabulary=99,
    )


@pytest.mark.parametrize("field", CHANGES)
def test_what_is_honoured_changes_what_the_engine_hears(field: str) -> None:
    assert generate_of(**{field: CHANGES[field]}) != generate_of()


@pytest.mark.parametrize("field", TOGETHER)
def test_what_is_honoured_beside_another_changes_what_the_engine_hears(field: str) -> None:
    others, value = TOGETHER[field]

    assert generate_of(**others, **{field: value}) != generate_of(**others)


@pytest.mark.parametrize("field", IGNORED)
def test_what_is_ignored_changes_nothing(field: str) -> None:
    assert generate_of(**{field: IDLE[field]}) == generate_of()


def test_no_honoured_field_is_without_such_a_test() -> None:
    assert set(HONOURED) == {*CHANGES, *TOGETHER} | OF_THE_SERVER
