"""Tools: the functions a model may call, checked, and which of them it must.

Everything is OpenAI's shape: `{"type": "function", "function": {name, description, parameters}}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from app.core.base.errors import InvalidGrammar, RequestError
from app.engine.chat.schema import Schema, check, without_hard_patterns
from app.wire.engine import PromptChat
from app.wire.message import Json

NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
"""OpenAI's names, and the dots, colons and slashes that tool servers put between words."""

TOOLS_MAX: Final = 512

ANY_OBJECT: Final[Schema] = {"type": "object"}


@final
@dataclass(frozen=True, slots=True)
class Tool:
    """One function with the JSON schema of its arguments."""

    name: str
    parameters: Schema

    def argument(self, name: str) -> Schema:
        """The schema of one argument; True when nothing is known of it."""
        return self.member(self.resolved(self.parameters), name)

    def member(self, schema: Schema, name: str) -> Schema:
        """The schema of an object's member."""
        properties = schema.get("properties") if isinstance(schema, dict) else None
        found = properties.get(name, True) if isinstance(properties, dict) else True
        return self.resolved(found if isinstance(found, (dict, bool)) else True)

    def element(self, schema: Schema) -> Schema:
        """The schema of a list's elements."""
        found = schema.get("items", True) if isinstance(schema, dict) else True
        return self.resolved(found if isinstance(found, (dict, bool)) else True)

    def resolved(self, schema: Schema) -> Schema:
        """The schema that a local `$ref` points to; True where it leads nowhere."""
        found: object = schema
        for _ in range(16):  # a reference may lead to a reference, also in a ring
            if not isinstance(found, dict) or not isinstance(found.get("$ref"), str):
                break
            path = str(found["$ref"]).removeprefix("#/")
            found = self.parameters
            for word in path.split("/"):
                key = word.replace("~1", "/").replace("~0", "~")
                found = found.get(key, True) if isinstance(found, dict) else True
        return found if isinstance(found, (dict, bool)) else True


@final
@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a request says about calls. No tools: none may be made."""

    tools: tuple[Tool, ...] = ()
    is_required: bool = False
    is_parallel: bool = True

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def tool_use(chat: PromptChat) -> ToolUse:
    """What `chat` allows and demands.

    With `tool_choice` none the tools are not offered at all. A function that is named is the only
    one offered, and one call of it must come.
    Raises: RequestError naming the field, InvalidGrammar for a schema that is none.
    """
    tools = tuple(_tool(index, raw) for index, raw in enumerate(chat.tools))
    if len(tools) > TOOLS_MAX:
        raise RequestError(f"more than {TOOLS_MAX} tools", field="tools")
    names = [tool.name for tool in tools]
    for index, name in enumerate(names):
        if name in names[:index]:
            field = f"tools[{index}].function.name"
            raise RequestError(f"two tools are named {name!r}", field=field)
    choice = chat.tool_choice
    if choice == "none" or (choice == "auto" and not tools):
        return ToolUse()
    if not tools:
        raise RequestError(
            f"tool_choice is {choice!r}, but there are no tools", field="tool_choice"
        )
    if choice in {"auto", "required"}:
        return ToolUse(tools, choice == "required", chat.parallel_tool_calls)
    named = choice.removeprefix("function:")
    if named == choice:
        raise RequestError(f"tool_choice {choice!r} is not known", field="tool_choice")
    if named not in names:
        raise RequestError(
            f"tool_choice names {named!r}, which is not among the tools", field="tool_choice"
        )
    return ToolUse((tools[names.index(named)],), is_required=True, is_parallel=False)


def completed(tool: Json) -> Json:
    """The tool with what templates may take for granted: types and descriptions everywhere."""
    function = tool.get("function")
    given = dict(function) if isinstance(function, dict) else {}
    parameters = given.get("parameters")
    whole = {"type": "object", "properties": {}} | (
        parameters if isinstance(parameters, dict) else {}
    )
    given = {"description": ""} | given | {"parameters": _described(whole)}
    return {**tool, "type": "function", "function": given}


def _described(schema: Mapping[str, object]) -> dict[str, object]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {"additionalProperties": True, "items": {"type": "string"}} | dict(schema)
    missing = {"type": "string", "description": ""}
    whole = {
        name: missing | _described(part) if isinstance(part, dict) else dict(missing)
        for name, part in properties.items()
    }
    return {**schema, "required": schema.get("required", []), "properties": whole}


def _tool(index: int, raw: Json) -> Tool:
    field = f"tools[{index}]"
    function = raw.get("function")
    if raw.get("type", "function") != "function" or not isinstance(function, Mapping):
        raise RequestError("only tools of type 'function' are known", field=field)
    name = function.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RequestError(
            "a function's name is 1 to 128 letters, digits, '_', '-', '.', ':' or '/'",
            field=f"{field}.function.name",
        )
    parameters = function.get("parameters")
    if parameters is None:
        return Tool(name, ANY_OBJECT)
    if not isinstance(parameters, dict):
        raise RequestError(
            "a function's parameters are a JSON schema", field=f"{field}.function.parameters"
        )
    if "type" not in parameters and not parameters.keys() & {"anyOf", "oneOf", "allOf", "$ref"}:
        parameters = {"type": "object", **parameters}
    parameters = without_hard_patterns(parameters)
    try:
        check(parameters, field=f"{field}.function.parameters", is_lenient=True)
    except InvalidGrammar as error:
        error.field = f"{field}.function.parameters"
        raise
    return Tool(name, parameters)
