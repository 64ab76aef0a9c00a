"""Whatever a model writes under a request's grammar is a call of the tools, or of the form."""

import json
import random

import jsonschema
import pytest

from app.engine.chat.learn import summed
from app.wire.engine import (
    OutputForm,
    OutputGrammar,
    OutputJson,
    OutputRegex,
    OutputSchema,
    PromptChat,
)
from app.wire.message import Json
from tests import sdist
from tests.engine.chat.speech import NOOP, TOOLS, WEATHER, user
from tests.engine.chat.walk import Walker

ENCODINGS = [
    "Qwen-Qwen3-0.6B",
    "Apertus-8B-Instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "Kimi-K2-Thinking",
    "deepseek-ai-DeepSeek-V3.2",
    "GLM-4.6",
    "Qwen3-Coder",
    "MiniMax-M3",
    "LFM2.5-8B-A1B",
    "google-gemma-4-31B-it",
    "openai-gpt-oss-120b",
    "muse-glimmer",
    "meta-llama-Llama-3.1-8B-Instruct",
    "meetkai-functionary-medium-v3.2",
    "upstage-Solar-Open-100B",
    "google-gemma-2-2b-it",
    "HuggingFaceTB-SmolLM3-3B",
]
SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}  # type: ignore[index]


SPELLED = [
    "Qwen-Qwen3-0.6B",
    "Apertus-8B-Instruct",
    "Qwen3-Coder",
    "GLM-4.6",
    "MiniMax-M3",
    "LFM2.5-8B-A1B",
    "meetkai-functionary-medium-v3.2",
    "google-gemma-2-2b-it",
]
"""Those whose markers are tried as plain text too, as many vocabularies have them."""


@pytest.fixture(
    scope="module",
    params=[*((name, True) for name in ENCODINGS), *((name, False) for name in SPELLED)],
    ids=lambda param: f"{param[0]} {'as tokens' if param[1] else 'as text'}",
)
def walker(request: pytest.FixtureRequest) -> Walker:
    name, has_control_tokens = request.param
    return Walker(sdist.template(name), has_control_tokens=has_control_tokens)


def answers(
    walker: Walker, chat: PromptChat, output: OutputForm | None = None, *, count: int = 3
) -> list[tuple[list[tuple[str, object]], str]]:
    """Calls and words of answers drawn at random."""
    prepared = walker.prepare(chat, output)
    heard = []
    for seed in range(8):
        text = walker.answer(prepared, random.Random(seed))
        if text is None:
            continue
        parser = prepared.new_parser()
        calls, _, said = summed(parser.feed(text) + parser.finish())
        heard.append((calls, said))
        if len(heard) == count:
            return heard
    assert heard, "every walk lost itself"
    return heard


def test_a_call_that_is_required_comes_and_satisfies_its_schema(walker: Walker) -> None:
    chat = PromptChat(messages=[user("hi")], tools=TOOLS, tool_choice="required")

    for calls, said in answers(walker, chat):
        assert calls
        assert not said.strip()
        for name, arguments in calls:
            jsonschema.validate(arguments, SCHEMAS[name])


def test_a_named_function_is_called_once(walker: Walker) -> None:
    chat = PromptChat(
        messages=[user("hi")],
        tools=TOOLS,
        tool_choice="function:get_weather",
        parallel_tool_calls=False,
    )

    for calls, said in answers(walker, chat):
        assert [name for name, _ in calls] == ["get_weather"]
        assert not said.strip()
        jsonschema.validate(calls[0][1], SCHEMAS["get_weather"])


def test_words_are_free_and_calls_are_held(walker: Walker) -> None:
    chat = PromptChat(messages=[user("hi")], tools=TOOLS)

    for calls, _ in answers(walker, chat):
        for name, arguments in calls:
            jsonschema.validate(arguments, SCHEMAS[name])


ANSWER: Json = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_an_answer_is_held_to_its_schema(walker: Walker) -> None:
    chat = PromptChat(messages=[user("hi")])

    for _, said in answers(walker, chat, OutputSchema(schema=ANSWER)):
        jsonschema.validate(json.loads(said), ANSWER)


def test_with_tools_an_answer_is_a_call_or_of_its_form(walker: Walker) -> None:
    chat = PromptChat(messages=[user("hi")], tools=[NOOP])

    for calls, said in answers(walker, chat, OutputSchema(schema=ANSWER)):
        if calls:
            assert not said.strip()
        else:
            jsonschema.validate(json.loads(said), ANSWER)


@pytest.mark.parametrize(
    "output",
    [
        OutputRegex(pattern="(yes|no)/"),
        OutputGrammar(text='root ::= ("yes" | "no") "/"'),
        OutputGrammar(text='start: ("yes" | "no") "/"'),
    ],
)
def test_an_answer_is_held_to_a_clients_grammar(walker: Walker, output: OutputForm) -> None:
    chat = PromptChat(messages=[user("hi")])

    for _, said in answers(walker, chat, output, count=1):
        assert said.strip() in {"yes/", "no/"}


HARD: Json = {
    "type": "function",
    "function": {
        "name": "hard",
        "parameters": {
            "type": "object",
            "$defs": {"code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}},
            "properties": {
                "code": {"$ref": "#/$defs/code"},
                "note": {"type": ["string", "null"], "maxLength": 5},
                "size": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
                "kind": {"enum": ["a/b", "c'd", 7, None]},
                "rows": {"type": "array", "items": {"$ref": "#/$defs/code"}, "maxItems": 2},
                "when": {"type": "string", "format": "unheard-of"},
                "page": {"type": "string", "pattern": r"^https?:\/\/[a-z]+(/[a-z]+)?$"},
                "disk": {"type": "string", "pattern": r"^[A-Z]:\\$"},
            },
            "required": ["code", "kind"],
            "additionalProperties": False,
        },
    },
}


def test_a_hard_schema_is_held_to(walker: Walker) -> None:
    chat = PromptChat(messages=[user("hi")], tools=[HARD], tool_choice="required")

    for calls, _ in answers(walker, chat):
        for _, arguments in calls:
            jsonschema.validate(arguments, HARD["function"]["parameters"])  # type: ignore[index]


def test_arguments_may_come_in_any_order_where_they_are_not_json() -> None:
    walker = Walker(sdist.template("Qwen3-Coder"), has_control_tokens=False)
    chat = PromptChat(messages=[user("hi")], tools=[WEATHER], tool_choice="required")

    orders = set()
    for seed in range(40):
        text = walker.answer(walker.prepare(chat), random.Random(seed))
        if text is not None and text.count("parameter=city") == text.count("parameter=unit") == 1:
            orders.add(text.index("parameter=city") < text.index("parameter=unit"))

    assert orders == {True, False}


def test_any_object_is_json_after_reasoning() -> None:
    walker = Walker(sdist.template("Qwen-Qwen3-0.6B"), has_control_tokens=True)
    chat = PromptChat(messages=[user("hi")])

    for _, said in answers(walker, chat, OutputJson()):
        assert isinstance(json.loads(said), dict)
