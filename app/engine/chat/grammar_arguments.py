"""Grammar of arguments: each encoding of a call's arguments, held to the schema of its tool.

Where the encoding is JSON, llguidance holds it to the whole schema. In the others each argument is
held to its type, its listed values and its pattern; what the schema says across arguments is not.
"""

import re
from typing import Final

from app.engine.chat.form import (
    KEY_MARK,
    ArgumentsForm,
    BareArguments,
    JsonArguments,
    PythonArguments,
    TaggedArguments,
)
from app.engine.chat.lark import Lark
from app.engine.chat.schema import Schema
from app.engine.chat.tools import Tool
from app.engine.chat.values import dumped, types_of

LENGTH_MAX: Final = 1000
"""Limits of length past this are left to the model: the lexer would need a state for each."""

_STEP: Final = re.compile(r"\\.|.", re.DOTALL)
"""A character of a pattern, or an escaped one with what escapes it."""

_WORD: Final = r"/[A-Za-z0-9_.-]{1,64}/"
_PYTHON_TEXT: Final = r"""/'([^'\\\n]|\\[\\'"nrt])*'|"([^"\\\n]|\\[\\'"nrt])*"/"""
_BARE_WORDS: Final = {"boolean": '("true" | "false")', "null": '"null"'}
_PYTHON_WORDS: Final = {"boolean": '("True" | "False")', "null": '"None"'}


def arguments_grammar(lark: Lark, form: ArgumentsForm, tool: Tool) -> str:
    """The expression for all arguments of a call of `tool`."""
    match form:
        case JsonArguments():
            return lark.json(tool.parameters)
        case TaggedArguments():
            return _Tagged(lark, form, tool).members(tool.parameters)
        case PythonArguments():
            return _Python(lark, tool).call()
        case BareArguments():
            return _Bare(lark, form, tool).object(tool.parameters)


def _members(tool: Tool, schema: Schema) -> list[tuple[str, Schema, bool]]:
    """Name, schema and need of each member that the schema of an object names."""
    schema = tool.resolved(schema)
    if not isinstance(schema, dict):
        return []
    properties = schema.get("properties")
    required = schema.get("required")
    needed = [str(name) for name in required] if isinstance(required, list) else []
    names = [*(properties if isinstance(properties, dict) else ()), *needed]
    return [(name, tool.member(schema, name), name in needed) for name in dict.fromkeys(names)]


def _is_open(tool: Tool, schema: Schema) -> bool:
    """Whether an object may have members that its schema does not name."""
    schema = tool.resolved(schema)
    return not isinstance(schema, dict) or schema.get("additionalProperties") is not False


def _rooted(tool: Tool, schema: Schema) -> Schema:
    """A part of the tool's schema that can stand alone: shared definitions go with it."""
    root = tool.parameters
    if not isinstance(schema, dict) or not isinstance(root, dict):
        return schema
    return {name: root[name] for name in ("$defs", "definitions") if name in root} | schema


def _listed(schema: Schema) -> list[object] | None:
    """The values that the schema lists, if it does."""
    if isinstance(schema, dict) and "const" in schema:
        return [schema["const"]]
    values = schema.get("enum") if isinstance(schema, dict) else None
    return values if isinstance(values, list) else None


def _text_terminal(schema: Schema) -> str:
    """What a text must match by its pattern and length; "" for anything."""
    if not isinstance(schema, dict):
        return ""
    rules: list[str] = []
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        steps = _STEP.findall(pattern)
        begins, ends = steps[:1] == ["^"], steps[-1:] == ["$"]
        # A bare slash would end the expression in Lark; many programs write it escaped already.
        inner = (r"\/" if step == "/" else step for step in steps[begins : len(steps) - ends])
        before, after = ("" if is_held else "(?s:.*)" for is_held in (begins, ends))
        rules.append(f"/{before}(?:{''.join(inner)}){after}/")
    low, high = schema.get("minLength"), schema.get("maxLength")
    low = low if isinstance(low, int) and low <= LENGTH_MAX else 0
    bounded = isinstance(high, int) and high <= LENGTH_MAX
    if low or bounded:
        rules.append(f"/(?s:.{{{low},{high if bounded else ''}}})/")
    return " & ".join(rules)


class _Tagged:
    """Arguments between literals."""

    def __init__(self, lark: Lark, form: TaggedArguments, tool: Tool) -> None:
        self._lark = lark
        self._form = form
        self._tool = tool

    def _json(self, schema: Schema, types: frozenset[str], kind: str) -> str:
        return _json_of(self._lark, self._tool, schema, types, kind)

    def members(self, schema: Schema) -> str:
        """All members of an object, in any order."""
        named = _members(self._tool, schema)
        if not named:
            return f"({self._any()})*" if _is_open(self._tool, schema) else '""'
        parts = [(self._member(name, part), is_needed) for name, part, is_needed in named]
        return self._lark.in_any_order(parts, self._lark.literal(self._form.between))

    def _any(self) -> str:
        """A member of any name, its value text."""
        opened = self._lark.literal(self._form.open)
        key = self._lark.terminal(_WORD)
        if KEY_MARK in self._form.close:
            return self._lark.rule(f"{opened} {key} {self._lark.until('>')}")
        close = self._form.close + self._form.between
        middle = self._lark.literal(self._form.middles["string"])
        return self._lark.rule(f"{opened} {key} {middle} {self._lark.until(close)}")

    def _member(self, name: str, schema: Schema) -> str:
        opened = self._lark.literal(self._form.open + name)
        close = self._form.close.replace(KEY_MARK, name)
        return self._lark.rule(f"{opened} {self._lark.any_of(self._values(schema, close))}")

    def _values(self, schema: Schema, close: str) -> list[str]:
        """Middle, value and close, for each way in which the value may be written."""
        schema = self._tool.resolved(schema)
        listed = _listed(schema)
        if listed is not None:
            return [
                self._closed(kind, self._lark.literal(text), close)
                for value in listed
                for kind, text in [_written(value)]
            ]
        types = types_of(schema)
        found = []
        if "string" in types:
            middle = self._lark.literal(self._form.middles["string"])
            text = self._lark.until(close, within=_text_terminal(schema))
            found.append(f"{middle} {text}")
        if self._form.element and types != {"string"}:
            return found + self._nested(schema, types, close)
        others = sorted(types - {"string"})
        if others:
            for kind in others if len(set(self._form.middles.values())) > 1 else others[:1]:
                value = self._json(schema, types, kind)
                found.append(self._closed(kind, value, close))
        return found

    def _closed(self, kind: str, value: str, close: str) -> str:
        middles = self._form.middles
        middle = middles.get(kind, middles.get("number", middles["string"]))
        return f"{self._lark.literal(middle)} {value} {self._lark.literal(close)}"

    def _nested(self, schema: Schema, types: frozenset[str], close: str) -> list[str]:
        """Objects and lists as arguments within an argument."""
        found = []
        plain = types & {"number", "boolean", "null"}
        if plain:
            found += [
                self._closed(kind, self._json(schema, types, kind), close) for kind in sorted(plain)
            ]
        if "object" in types and "string" not in types:
            found.append(self._closed("object", self.members(schema), close))
        if "array" in types and "string" not in types:
            element = self._member(self._form.element, self._tool.element(schema))
            found.append(self._closed("array", f"({element})*", close))
        return found


class _Python:
    """Keyword arguments of a Python call."""

    def __init__(self, lark: Lark, tool: Tool) -> None:
        self._lark = lark
        self._tool = tool

    def _json(self, schema: Schema, types: frozenset[str], kind: str) -> str:
        return _json_of(self._lark, self._tool, schema, types, kind)

    def call(self) -> str:
        """Both parentheses and what is between."""
        named = _members(self._tool, self._tool.parameters)
        parts = [
            (self._lark.rule(f"{self._lark.literal(name + '=')} {self._value(part)}"), is_needed)
            for name, part, is_needed in named
        ]
        if not parts and _is_open(self._tool, self._tool.parameters):
            any_part = f'{self._lark.terminal(_WORD)} "=" {self._value({"type": "string"})}'
            parts = [(self._lark.rule(any_part), False)]
        return f'"(" {self._lark.in_any_order(parts, self._lark.literal(", "))} ")"'

    def _value(self, schema: Schema) -> str:
        schema = self._tool.resolved(schema)
        listed = _listed(schema)
        if listed is not None:
            words = [f"'{v}'" if isinstance(v, str) and "'" not in v else repr(v) for v in listed]
            return self._lark.any_of([self._lark.literal(word) for word in words])
        types, found = types_of(schema), []
        if "string" in types:
            # a pattern is held to in JSON's quotes, which are Python's too
            strict = bool(_text_terminal(schema))
            found.append(
                self._json(schema, types, "string") if strict else self._lark.terminal(_PYTHON_TEXT)
            )
        found += [word for kind, word in _PYTHON_WORDS.items() if kind in types]
        found += [
            self._json(schema, types, kind)
            for kind in ("number", "array", "object")
            if kind in types
        ]
        return self._lark.any_of(found)


class _Bare:
    """An object with bare keys, texts between quotes of its own."""

    def __init__(self, lark: Lark, form: BareArguments, tool: Tool) -> None:
        self._lark = lark
        self._quote = form.quote
        self._tool = tool
        self._depth = 0

    def _json(self, schema: Schema, types: frozenset[str], kind: str) -> str:
        return _json_of(self._lark, self._tool, schema, types, kind)

    def object(self, schema: Schema) -> str:
        """Both braces and the members, in any order."""
        named = _members(self._tool, schema)
        if not named:
            return self._free("object") if _is_open(self._tool, schema) else '"{" "}"'
        parts = [
            (self._lark.rule(f"{self._lark.literal(name + ':')} {self._value(part)}"), is_needed)
            for name, part, is_needed in named
        ]
        return self._lark.rule(
            f'"{{" {self._lark.in_any_order(parts, chr(34) + "," + chr(34))} "}}"'
        )

    def _value(self, schema: Schema) -> str:
        schema = self._tool.resolved(schema)
        listed = _listed(schema)
        if listed is not None:
            texts = [
                self._quote + v + self._quote if isinstance(v, str) else dumped(v) for v in listed
            ]
            return self._lark.any_of([self._lark.literal(text) for text in texts])
        self._depth += 1
        try:
            types = types_of(schema)
            if self._depth > 8:  # a schema may contain itself
                return self._lark.any_of([self._free(kind) for kind in sorted(types)])
            return self._lark.any_of([self._typed(schema, types, kind) for kind in sorted(types)])
        finally:
            self._depth -= 1

    def _typed(self, schema: Schema, types: frozenset[str], kind: str) -> str:
        if kind == "string":
            opened = self._lark.literal(self._quote)
            return self._lark.rule(
                f"{opened} {self._lark.until(self._quote, within=_text_terminal(schema))}"
            )
        if kind == "object":
            return self.object(schema)
        if kind == "array" and isinstance(schema, dict) and "items" in schema:
            element = self._lark.rule(self._value(self._tool.element(schema)))
            return self._lark.rule(f'"[" ({element} ("," {element})*)? "]"')
        if kind == "number":
            return self._json(schema, types, kind)
        return _BARE_WORDS.get(kind) or self._free(kind)

    def _free(self, kind: str) -> str:
        """Any value of a kind; objects and lists hold anything."""
        if kind in _BARE_WORDS:
            return _BARE_WORDS[kind]
        if kind == "number":
            return self._lark.json({"type": "number"})
        if kind == "string":
            return self._typed(True, frozenset({"string"}), kind)
        if not self._lark.has("bare_value"):
            text, number = self._free("string"), self._free("number")
            word = self._lark.terminal(_WORD)
            self._lark.define(
                "bare_object", f'"{{" ({word} ":" bare_value ("," {word} ":" bare_value)*)? "}}"'
            )
            self._lark.define("bare_array", '"[" (bare_value ("," bare_value)*)? "]"')
            words = " | ".join(_BARE_WORDS.values())
            self._lark.define(
                "bare_value", f"{text} | {number} | {words} | bare_object | bare_array"
            )
        return f"bare_{kind}"


def _json_of(lark: Lark, tool: Tool, schema: Schema, types: frozenset[str], kind: str) -> str:
    """JSON of one of the types that the schema allows."""
    return lark.json(_of_type(_rooted(tool, schema), types, kind), otherwise={"type": kind})


def _of_type(schema: Schema, types: frozenset[str], kind: str) -> Schema:
    """The part of a schema that is about one of its types."""
    if not isinstance(schema, dict) or not schema:
        return {"type": kind}
    if len(types) == 1:
        return schema
    named = schema.get("type")
    if isinstance(named, list):
        kept = [name for name in named if ("number" if name == "integer" else name) == kind]
        return {**schema, "type": kept or [kind]}
    for keyword in ("anyOf", "oneOf"):
        parts = schema.get(keyword)
        if isinstance(parts, list):
            ours = [part for part in parts if kind in types_of(part)]
            return {**schema, keyword: ours}
    return {**schema, "type": kind}


def _written(value: object) -> tuple[str, str]:
    """Type and text of a listed value, texts bare."""
    kinds = sorted(types_of({"const": value}))
    return kinds[0], value if isinstance(value, str) else dumped(value)
