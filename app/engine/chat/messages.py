"""Messages: a client's conversation as one template can take it.

Templates differ in what they bear: some fail on content that is null, want arguments as an object
or as text, know no system role, or demand ids of nine letters. What a template bears was learned;
here the conversation is brought into that shape, with nothing of it lost. What a template refuses
besides, it says itself.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final, final

from app.core.base.errors import RequestError
from app.engine.chat.general import call_text, result_text, system_message
from app.engine.chat.probe import Message, Style, assistant
from app.wire.message import Json

_ROLES: Final = {"developer": "system", "function": "tool"}
_KNOWN: Final = frozenset({"system", "user", "assistant", "tool"})
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
_TEXT_ARGUMENT: Final = "arguments"
"""The name under which arguments that are no JSON object stand as a text."""


@final
@dataclass(frozen=True, slots=True)
class Bearing:
    """What a template bears."""

    style: Style
    has_system: bool = True
    has_calls: bool = True
    has_results: bool = True
    """Whether it writes messages of the tool role."""
    has_short_ids: bool = False
    """Whether ids of calls must have nine letters and digits."""


def conversation(messages: list[Json], bearing: Bearing, *, more_system: str = "") -> list[Message]:
    """The messages in the template's shape, `more_system` at the end of the system turn.

    Raises: RequestError naming the field of a message that is none.
    """
    if not messages:
        raise RequestError("messages are empty", field="messages")
    names: dict[str, str] = {}
    shaped: list[Message] = []
    for index, raw in enumerate(messages):
        shaped += _shaped(index, raw, bearing, names)
    shaped = _with_one_system(shaped)
    if more_system:
        shaped = system_message(more_system, shaped)
    if not bearing.has_system:
        shaped = _without_system(shaped)
    if not bearing.has_calls or not bearing.has_results:
        shaped = _with_joined_users(shaped)
    return shaped


def short_id(call_id: str) -> str:
    """Nine letters and digits for any id, always the same ones."""
    if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _shaped(index: int, raw: Json, bearing: Bearing, names: dict[str, str]) -> list[Message]:
    """One message, as none or one. `names` has the function of each call so far, by its id."""
    field = f"messages[{index}]"
    role = raw.get("role")
    role = _ROLES.get(str(role), role)
    if role not in _KNOWN:
        raise RequestError(f"role {role!r} is not known", field=f"{field}.role")
    content = raw.get("content")
    if content is not None and not isinstance(content, str):
        raise RequestError("content is not text", field=f"{field}.content")
    if role == "assistant":
        return [_assistant(field, raw, content, bearing, names)]
    if role == "tool":
        return [_result(raw, content or "", bearing, names)]
    message: Message = {"role": role, "content": content or ""}
    if isinstance(raw.get("name"), str):
        message["name"] = raw["name"]
    return [message]


def _assistant(
    field: str, raw: Json, content: str | None, bearing: Bearing, names: dict[str, str]
) -> Message:
    reasoning = next((raw[key] for key in _REASONING if isinstance(raw.get(key), str)), None)
    reasoning = reasoning if isinstance(reasoning, str) else None
    calls = raw.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return assistant(bearing.style, content=content or "", reasoning=reasoning)
    given: list[Message] = []
    for index, call in enumerate(calls):
        place = f"{field}.tool_calls[{index}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RequestError("a tool call has no function with a name", field=place)
        call_id = str(call.get("id") or f"call{index}")
        names[call_id] = function["name"]
        arguments = _arguments(function.get("arguments"), f"{place}.function.arguments")
        given.append({"id": call_id, "name": function["name"], "arguments": arguments})
    if not bearing.has_calls:
        written = [call_text(str(call["name"]), call["arguments"]) for call in given]
        said = "\n".join([content, *written] if content else written)
        return assistant(bearing.style, content=said, reasoning=reasoning)
    shaped = [_call(call, bearing) for call in given]
    return assistant(bearing.style, content=content or None, reasoning=reasoning, calls=shaped)


def _call(call: Message, bearing: Bearing) -> Message:
    """A call in OpenAI's shape, arguments as the template takes them."""
    arguments = call["arguments"]
    if bearing.style.has_argument_text:
        arguments = json.dumps(arguments, ensure_ascii=False)
    call_id = str(call["id"])
    return {
        "id": short_id(call_id) if bearing.has_short_ids else call_id,
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }


def _arguments(given: object, field: str) -> dict[str, object]:
    """The arguments of a call as an object.

    A client sends back what a model wrote, and an answer that was cut short ends within a call.
    So text that is no object becomes one: what a template writes of it reads as a call still.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, str):
        try:
            read = json.loads(given)
        except (ValueError, RecursionError):
            read = None
        return read if isinstance(read, dict) else {_TEXT_ARGUMENT: given}
    if not isinstance(given, dict):
        raise RequestError("the arguments are not a JSON object", field=field)
    return given


def _result(raw: Json, content: str, bearing: Bearing, names: dict[str, str]) -> Message:
    """A function's result: with the name and the id that templates ask for."""
    if not bearing.has_results:
        return {"role": "user", "content": result_text(content)}
    call_id = str(raw.get("tool_call_id") or "")
    name = raw.get("name") or names.get(call_id)
    message: Message = {
        "role": "tool",
        "content": content,
        "tool_call_id": short_id(call_id) if bearing.has_short_ids else call_id,
    }
    if name:
        message["name"] = name
    return message


def _with_one_system(messages: list[Message]) -> list[Message]:
    """The system messages at the beginning as one: templates look at the first alone."""
    count = 0
    while count < len(messages) and messages[count]["role"] == "system":
        count += 1
    if count < 2:
        return messages
    said = "\n\n".join(str(message["content"]) for message in messages[:count])
    return [{"role": "system", "content": said}, *messages[count:]]


def _without_system(messages: list[Message]) -> list[Message]:
    """The system's words before the first user's, for templates without that role."""
    system = [str(message["content"]) for message in messages if message["role"] == "system"]
    others = [dict(message) for message in messages if message["role"] != "system"]
    words = "\n\n".join(text for text in system if text)
    if not words:
        return others
    first = next((message for message in others if message["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": words}, *others]
    first["content"] = f"{words}\n\n{first['content']}"
    return others


def _with_joined_users(messages: list[Message]) -> list[Message]:
    """Users' messages in a row as one: results that became a user's words may make such rows."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last["role"] == message["role"] == "user":
            joined[-1] = {**last, "content": f"{last['content']}\n{message['content']}"}
        else:
            joined.append(message)
    return joined
