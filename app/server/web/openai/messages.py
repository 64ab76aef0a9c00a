"""Messages: a client's conversation in the one shape that chat templates are written for.

Content is flattened to text, the three spellings of reasoning become one, OpenAI's older functions
become tool calls, `developer` becomes `system`. Nothing is dropped that a template could show.
"""

from typing import assert_never

import msgspec

from app.server.web.invalid import invalid
from app.server.web.openai.refused import unreadable_part
from app.wire.message import Json
from app.wire.openai.chat import (
    AnyMessage,
    AssistantMessage,
    CalledFunction,
    Content,
    DeveloperMessage,
    FunctionMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)


def flatten_messages(messages: list[AnyMessage]) -> list[Json]:
    """OpenAI's messages with text content, ready for `PromptChat`.

    Raises: RequestError naming the part that is not text, or the call without a function.
    """
    flat: list[Json] = []
    legacy_id: str | None = None
    for index, message in enumerate(messages):
        field = f"messages[{index}]"
        match message:
            case SystemMessage() | DeveloperMessage():
                said: Json = {"role": "system", "content": text_of(message.content, field)}
                flat.append(_named(said, message.name))
            case UserMessage():
                said = {"role": "user", "content": text_of(message.content, field)}
                flat.append(_named(said, message.name))
            case AssistantMessage():
                flat.append(_assistant(message, index))
                legacy_id = _legacy_id(index) if message.function_call else legacy_id
            case ToolMessage():
                said = {"role": "tool", "content": _text_or_empty(message.content, field)}
                if message.tool_call_id is not None:
                    said["tool_call_id"] = message.tool_call_id
                flat.append(_named(said, message.name))
            case FunctionMessage():
                flat.append(_function_result(message, field, legacy_id))
            case _:
                assert_never(message)
    return flat


def text_of(content: Content, field: str) -> str:
    """The text of all parts, a line break between them. Raises: RequestError."""
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content):
        where = f"{field}.content[{index}]"
        match part.type:
            case "text" | "input_text" | "output_text":
                text = part.text
            case "refusal":
                text = part.refusal
            case _:
                raise unreadable_part(part.type, where)
        if text is None:
            name = "refusal" if part.type == "refusal" else "text"
            raise invalid(f"{where}.{name}", "a part of this type needs it")
        texts.append(text)
    return "\n".join(texts)


def _text_or_empty(content: Content | None, field: str) -> str:
    return "" if content is None else text_of(content, field)


def _named(said: Json, name: str | None) -> Json:
    return said if name is None else {**said, "name": name}


def _assistant(message: AssistantMessage, index: int) -> Json:
    field = f"messages[{index}]"
    if message.audio is not None:
        raise invalid(f"{field}.audio", "this server cannot read sound yet")
    content = message.content if message.content is not None else message.refusal
    calls = [
        _call(call, f"{field}.tool_calls[{place}]", f"call_{index}_{place}")
        for place, call in enumerate(message.tool_calls or [])
    ]
    if message.function_call is not None:
        calls.append(_called(message.function_call, _legacy_id(index)))
    said: Json = {"role": "assistant", "content": None}
    if content is not None or not calls:
        said["content"] = _text_or_empty(content, field)
    if calls:
        said["tool_calls"] = calls
    for reasoning in (message.reasoning_content, message.reasoning, message.thinking):
        if reasoning is not None:
            said["reasoning_content"] = reasoning
            break
    return _named(said, message.name)


def _call(call: ToolCall, field: str, id_otherwise: str) -> Json:
    if call.type != "function" or call.function is None:
        raise invalid(f"{field}.type", "only calls of functions are supported")
    return _called(call.function, call.id or id_otherwise)


def _called(function: CalledFunction, call_id: str) -> Json:
    arguments = function.arguments
    if arguments is None:
        arguments = "{}"
    elif isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    called: Json = {"name": function.name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": called}


def _legacy_id(index: int) -> str:
    """The older API has no ids: the call of message `index` and its result share this one."""
    return f"call_{index}"


def _function_result(message: FunctionMessage, field: str, call_id: str | None) -> Json:
    """The result of the last call by the older API; templates want it by the call's id."""
    said: Json = {
        "role": "tool",
        "name": message.name,
        "content": _text_or_empty(message.content, field),
    }
    return said if call_id is None else {**said, "tool_call_id": call_id}
