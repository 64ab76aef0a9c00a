"""Speech: what the tests of chat say and how they look at what came of it."""

import json
from collections.abc import Iterable
from functools import cache

from app.engine.chat.dialect import Dialect
from app.engine.chat.parser import OutputParser
from app.wire.engine import CallArguments, CallBegun, OutputForm, Part, PromptChat, Reasoned, Said
from app.wire.message import Json
from tests import sdist

WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
                "unit": {"type": "string", "enum": ["c", "f"]},
                "flags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
                "where": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}},
                    "required": ["lat"],
                    "additionalProperties": False,
                },
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
NOOP: Json = {
    "type": "function",
    "function": {
        "name": "noop",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}
TOOLS = [WEATHER, NOOP]


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def system(text: str) -> Json:
    return {"role": "system", "content": text}


def calling(name: str, arguments: object, call_id: str = "call_0") -> Json:
    function = {"name": name, "arguments": json.dumps(arguments)}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(text: str, call_id: str = "call_0") -> Json:
    return {"role": "tool", "content": text, "tool_call_id": call_id}


@cache
def learned(name: str) -> Dialect:
    """The dialect of a template of the archive."""
    return Dialect.learn(sdist.template(name), bos="<BOS>", eos="<EOS>")


def parser_of(
    dialect: Dialect, tools: list[Json] | None = None, output: OutputForm | None = None
) -> OutputParser:
    """A parser of an answer to a first question."""
    chat = PromptChat(messages=[user("hi")], tools=TOOLS if tools is None else tools)
    return dialect.prepare(chat, output).new_parser()


def heard(parser: OutputParser, pieces: Iterable[str]) -> list[Part]:
    """All parts of an answer that comes in pieces, neighbours joined."""
    parts: list[Part] = []
    for piece in pieces:
        parts += parser.feed(piece)
    return joined(parts + parser.finish())


def joined(parts: Iterable[Part]) -> list[Part]:
    whole: list[Part] = []
    for part in parts:
        match whole[-1] if whole else None, part:
            case Said(text=a), Said(text=b):
                whole[-1] = Said(text=a + b)
            case Reasoned(text=a), Reasoned(text=b):
                whole[-1] = Reasoned(text=a + b)
            case CallArguments(index=i, text=a), CallArguments(index=j, text=b) if i == j:
                whole[-1] = CallArguments(index=i, text=a + b)
            case _:
                whole.append(part)
    return whole


def plain(parts: Iterable[Part]) -> list[object]:
    """Parts as plain values: text, ("think", text), (name, arguments)."""
    seen: list[object] = []
    for part in joined(parts):
        match part:
            case Said(text=text):
                seen.append(text)
            case Reasoned(text=text):
                seen.append(("think", text))
            case CallBegun(name=name):
                seen.append((name, None))
            case CallArguments(text=text):
                last = seen.pop()
                assert isinstance(last, tuple)
                seen.append((last[0], json.loads(text)))
    return seen
