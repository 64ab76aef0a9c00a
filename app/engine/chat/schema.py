"""Schema: JSON schemas as llguidance takes them, and where in one a fault is.

llguidance says what is wrong with a schema, not where; the place is found by trying the parts.
An answer's schema is held to strictly: what cannot be enforced is refused. The schema of a tool is
written by programs that use every corner of the standard, so keywords that cannot be enforced are
left out there.
"""

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from llguidance import LLMatcher, LLParserLimits

from app.core.base.errors import InvalidGrammar

Schema = dict[str, object] | bool

SCHEMA_CHARACTERS_MAX: Final = 512 * 1024
SCHEMA_DEPTH_MAX: Final = 64

FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
)
"""String formats that llguidance holds text to. Others are remarks, as the standard allows."""

WHITESPACE: Final = r"[\x20\x0A\x0D\x09]{1,40}"
"""Between JSON's words. Bounded: small models are known to write blanks without end."""

_MAPS: Final = ("$defs", "definitions", "properties", "patternProperties", "dependentSchemas")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains")


def limits() -> LLParserLimits:
    """What compiling and holding to one grammar may cost; errors do not quote the grammar."""
    return LLParserLimits(verbose_errors=False)


def text_of(schema: Schema, *, is_lenient: bool = False) -> str:
    """The schema as JSON text for a grammar, with our choices for what it leaves open."""
    plain = _without(schema, _is_remark)
    if isinstance(plain, bool):
        plain = {} if plain else {"enum": []}
    choices = {"whitespace_pattern": WHITESPACE} | ({"lenient": True} if is_lenient else {})
    return json.dumps({**plain, "x-guidance": choices}, ensure_ascii=False)


def check(schema: Schema, *, field: str, is_lenient: bool = False) -> None:
    """Nothing, when output can be held to `schema`.

    Raises: InvalidGrammar whose message has the JSON pointer of the innermost fault.
    """
    depth = _depth(schema)
    if depth > SCHEMA_DEPTH_MAX:
        raise InvalidGrammar(f"the schema is nested more than {SCHEMA_DEPTH_MAX} deep", field=field)
    text = text_of(schema, is_lenient=is_lenient)
    if len(text) > SCHEMA_CHARACTERS_MAX:
        raise InvalidGrammar(f"the schema has {len(text)} characters", field=field)
    fault = _fault(text)
    if fault:
        pointer, fault = _innermost(schema, schema, "", fault, is_lenient=is_lenient)
        raise InvalidGrammar(
            f"the schema is invalid{pointer and f' at {pointer}'}: {fault}", field=field
        )


def without_hard_patterns(schema: Schema) -> Schema:
    """The schema without the patterns that text cannot be held to: those that look ahead, say."""
    return _without(schema, _is_hard_pattern)


def is_holdable(schema: Schema) -> bool:
    """Whether output can be held to `schema`, leniently."""
    return not _fault(text_of(schema, is_lenient=True))


@lru_cache(maxsize=512)  # an agent sends the same tools with every turn
def _fault(text: str) -> str:
    """What llguidance says against the schema; "" when nothing."""
    grammar = json.dumps({"grammars": [{"json_schema": json.loads(text)}]})
    fault = LLMatcher.validate_grammar(grammar, limits=limits())
    return "" if fault.startswith("WARNING") else fault.strip()


def _innermost(
    root: Schema, schema: Schema, pointer: str, fault: str, *, is_lenient: bool
) -> tuple[str, str]:
    """Pointer and fault of the smallest part that is wrong by itself."""
    for key, part in _parts(schema):
        alone: Schema = part
        if isinstance(root, dict) and isinstance(part, dict):
            alone = {name: root[name] for name in ("$defs", "definitions") if name in root} | part
        inner = _fault(text_of(alone, is_lenient=is_lenient))
        if inner:
            return _innermost(root, part, f"{pointer}/{key}", inner, is_lenient=is_lenient)
    return pointer, fault


def _parts(schema: object) -> Iterator[tuple[str, Schema]]:
    """The schemas directly within a schema, each with its relative pointer."""
    if not isinstance(schema, dict):
        return
    for keyword in _MAPS:
        for name, part in _items(schema.get(keyword)):
            yield f"{keyword}/{name.replace('~', '~0').replace('/', '~1')}", part
    for keyword in _LISTS:
        listed = schema.get(keyword)
        for index, part in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(part, (dict, bool)):
                yield f"{keyword}/{index}", part
    for keyword in _SINGLE:
        single = schema.get(keyword)
        if isinstance(single, dict):
            yield keyword, single


def _items(parts: object) -> Iterator[tuple[str, Schema]]:
    if isinstance(parts, dict):
        for name, part in parts.items():
            if isinstance(part, (dict, bool)):
                yield name, part


def _without(schema: Schema, is_left_out: Callable[[str, object], bool]) -> Schema:
    """The schema without the keywords, there and within, of which `is_left_out` holds."""
    if not isinstance(schema, dict):
        return schema

    def rest(part: object) -> object:
        return _without(part, is_left_out) if isinstance(part, dict) else part

    plain: dict[str, object] = {}
    for keyword, value in schema.items():
        if keyword in _MAPS and isinstance(value, dict):
            plain[keyword] = {name: rest(part) for name, part in value.items()}
        elif keyword in _LISTS and isinstance(value, list):
            plain[keyword] = [rest(part) for part in value]
        elif keyword in _SINGLE:
            plain[keyword] = rest(value)
        elif not is_left_out(keyword, value):
            plain[keyword] = value
    return plain


def _is_remark(keyword: str, value: object) -> bool:
    return keyword == "format" and not (isinstance(value, str) and value in FORMATS)


def _is_hard_pattern(keyword: str, value: object) -> bool:
    if keyword != "pattern" or not isinstance(value, str):
        return False
    return bool(_fault(json.dumps({"type": "string", "pattern": value})))


def _depth(schema: object) -> int:
    """How deep containers are nested, counted without recursion."""
    depth, level = 0, [schema]
    while level and depth <= SCHEMA_DEPTH_MAX:
        inside: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inside += value.values()
            elif isinstance(value, list):
                inside += value
        level = [value for value in inside if isinstance(value, (dict, list))]
        depth += 1
    return depth
