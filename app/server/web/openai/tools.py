"""Tools: which functions the model may call, and whether it must."""

from typing import NamedTuple

from app.server.web.invalid import invalid
from app.server.web.openai.shallow import check_free_json
from app.wire.message import Json
from app.wire.openai.chat import ChatRequest, Function, NamedFunction, NamedTool, ToolChoice


class ToolUse(NamedTuple):
    """Tools as templates show them, and the choice in PromptChat's words."""

    tools: list[Json]
    choice: str


def is_legacy(request: ChatRequest) -> bool:
    """Asked by the older `functions`: the answer has `function_call` instead of `tool_calls`."""
    return bool(request.functions) and not request.tools


def tool_use(request: ChatRequest) -> ToolUse:
    """What the request says of tools. Raises: RequestError for a choice that cannot be had."""
    functions = _functions(request)
    names = [function.name for function in functions]
    if is_legacy(request):
        choice = _legacy_choice(request.function_call, names)
    else:
        choice = _choice(request.tool_choice, names)
        functions = _allowed(request.tool_choice, functions)
    return ToolUse([_shown(function) for function in functions], choice)


def _functions(request: ChatRequest) -> list[Function]:
    if is_legacy(request):
        functions = list(request.functions or [])
        field = "functions"
    else:
        # Tools without a function were refused before (refused.py).
        functions = [tool.function for tool in request.tools or [] if tool.function is not None]
        field = "tools"
    seen: set[str] = set()
    for index, function in enumerate(functions):
        if function.name in seen:
            raise invalid(f"{field}[{index}]", f"{function.name!r} stands twice")
        seen.add(function.name)
        check_free_json(function.parameters, f"{field}[{index}]")
    return functions


def _shown(function: Function) -> Json:
    """The function as templates were trained to show it: these fields, this order."""
    parameters = function.parameters
    return {
        "type": "function",
        "function": {
            "name": function.name,
            "description": function.description or "",
            "parameters": parameters or {"type": "object", "properties": {}},
        },
    }


def _choice(choice: str | ToolChoice | None, names: list[str]) -> str:
    if choice is None or choice in ("auto", "none"):
        return "none" if choice == "none" else "auto"
    if not names:
        raise invalid("tool_choice", "there are no tools to choose from")
    if isinstance(choice, str):
        return choice
    match choice.type:
        case "allowed_tools":
            if choice.allowed_tools is None:
                raise invalid("tool_choice.allowed_tools", "this type needs it")
            return choice.allowed_tools.mode
        case "custom":
            raise invalid("tool_choice.type", "only functions are supported")
        case "function":
            if choice.function is None:
                raise invalid("tool_choice.function", "this type needs it")
            return _by_name(choice.function, names, "tool_choice.function.name")


def _legacy_choice(choice: str | NamedFunction | None, names: list[str]) -> str:
    if isinstance(choice, NamedFunction):
        return _by_name(choice, names, "function_call.name")
    return choice or "auto"


def _by_name(function: NamedFunction, names: list[str], field: str) -> str:
    if function.name not in names:
        raise invalid(field, f"there is no tool {function.name!r}")
    return f"function:{function.name}"


def _allowed(choice: str | ToolChoice | None, functions: list[Function]) -> list[Function]:
    """The functions that `allowed_tools` leaves; all without it."""
    if not isinstance(choice, ToolChoice) or choice.allowed_tools is None:
        return functions
    names = [function.name for function in functions]
    allowed = {
        _allowed_name(tool, names, f"tool_choice.allowed_tools.tools[{index}]")
        for index, tool in enumerate(choice.allowed_tools.tools)
    }
    if not allowed:
        raise invalid("tool_choice.allowed_tools.tools", "allows no tool")
    return [function for function in functions if function.name in allowed]


def _allowed_name(tool: NamedTool, names: list[str], field: str) -> str:
    if tool.function is None or tool.function.name not in names:
        raise invalid(field, "names no function of `tools`")
    return tool.function.name
