"""Values: an argument's text as JSON, by what its schema allows.

Where an encoding writes texts bare, `42` may be a number or the text "42": the schema decides, and
without one what looks like JSON is JSON.
"""

import ast
import json
import math
from collections.abc import Mapping
from typing import Final

from app.engine.chat.schema import Schema

EVERY_TYPE: Final = frozenset({"string", "number", "boolean", "null", "object", "array"})

_PYTHON_WORDS: Final = {"True": "true", "False": "false", "None": "null"}


def types_of(schema: Schema) -> frozenset[str]:
    """The JSON types that a value may have; integers are numbers."""
    if isinstance(schema, bool) or not schema:
        return EVERY_TYPE
    if "const" in schema:
        return frozenset({type_of(schema["const"])})
    listed = schema.get("enum")
    if isinstance(listed, list):
        return frozenset(map(type_of, listed))
    named = schema.get("type")
    if isinstance(named, str):
        named = [named]
    if isinstance(named, list):
        return frozenset("number" if name == "integer" else str(name) for name in named)
    for keyword in ("anyOf", "oneOf"):
        parts = schema.get(keyword)
        if isinstance(parts, list):
            kinds = [types_of(part) for part in parts if isinstance(part, (dict, bool))]
            return frozenset().union(*kinds) or EVERY_TYPE
    if "properties" in schema:
        return frozenset({"object"})
    if "items" in schema:
        return frozenset({"array"})
    return EVERY_TYPE


def type_of(value: object) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def json_of(text: str, types: frozenset[str]) -> str:
    """`text` as JSON of one of `types` if it can be read so, else as a JSON text."""
    bare = text.strip()
    bare = _PYTHON_WORDS.get(bare, bare)
    if types != {"string"}:
        value = _loaded(bare)
        # texts stand bare in these encodings, so quotes that are there belong to the text
        if value is not _NOTHING and not isinstance(value, str) and type_of(value) in types:
            return bare
        if value is _NOTHING and bare[:1] in {"[", "{"}:
            read = json_of_python(bare)  # some templates print lists as Python does
            if not read.startswith('"'):
                return read
    return quoted(text)


def json_of_python(text: str) -> str:
    """A Python literal, or JSON, as JSON; anything else as a JSON text."""
    bare = text.strip()
    try:
        return dumped(ast.literal_eval(bare))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if _loaded(bare) is not _NOTHING:
            return bare
        # a text with quotes within, which templates do not escape
        is_text = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\""
        return quoted(bare[1:-1] if is_text else bare)


def dumped(value: object) -> str:
    """Compact JSON with the text as it is."""
    return json.dumps(value, ensure_ascii=False, default=list)


def quoted(text: str) -> str:
    """A JSON text."""
    return json.dumps(text, ensure_ascii=False)


_NOTHING: Final = object()


def _loaded(text: str) -> object:
    """The value of JSON text; _NOTHING when it is none that JSON can hold."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING
    return _NOTHING if isinstance(value, float) and not math.isfinite(value) else value
