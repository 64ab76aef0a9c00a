"""Probe: small conversations with words that no template contains, rendered by one.

What a template does with them shows how it writes turns. A probe never fails: where a template
refuses, the answer is None.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from app.core.base.errors import TemplateFailed
from app.engine.chat.template import ChatTemplate

USER: Final = "Zqx user says"
CONTENT: Final = "Zqx answer says"
REASON: Final = "Zqx reason says"
SYSTEM: Final = "Zqx system says"
RESULT: Final = "Zqx result says"

FUNCTION: Final = "fn_alpha"
OTHER_FUNCTION: Final = "fn_omega"
TEXT_KEY: Final = "arg_beta"
OTHER_KEY: Final = "arg_delta"

Arguments = Mapping[str, object]
Message = dict[str, object]

_PROPERTIES: Final = {
    "arg_beta": {"type": "string", "description": "A text."},
    "arg_delta": {"type": "string", "description": "Another text."},
    "arg_count": {"type": "integer", "description": "A number."},
    "arg_flag": {"type": "boolean", "description": "A truth."},
    "arg_rows": {"type": "array", "items": {"type": "string"}, "description": "A list."},
    "arg_map": {
        "type": "object",
        "properties": {"inner": {"type": "integer"}},
        "additionalProperties": {"type": "integer"},
        "description": "An object.",
    },
}

TOOLS: Final = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "A function.",
            "parameters": {"type": "object", "properties": _PROPERTIES, "required": ["arg_beta"]},
        },
    }
    for name in (FUNCTION, OTHER_FUNCTION)
]

IDS: Final = ("Zq7call01", "Zq7call02", "Zq7call03")
"""Nine letters and digits: the strictest form that is demanded."""


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A call to be written."""

    arguments: Arguments
    name: str = FUNCTION


@final
@dataclass(frozen=True, slots=True)
class Style:
    """How messages must be given to a template, so that it writes what is in them."""

    empty_content: str | None = ""
    """What a message with calls and no words has as content."""
    has_argument_text: bool = False
    """Arguments are given as JSON text rather than as an object."""
    reasoning_field: str = "reasoning_content"
    """Where reasoning is given: the name of a member, or one of CHUNKS."""


CHUNKS: Final = ("thinking chunks", "thoughts blocks")
"""Content as a list of chunks, one of type "thinking"; or an object with blocks, one of type
"thoughts"."""

REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", *CHUNKS)


def assistant(
    style: Style,
    *,
    content: str | None = None,
    reasoning: str | None = None,
    calls: list[Message] | None = None,
) -> Message:
    """An assistant's message as a template of this style takes it.

    `calls` are in OpenAI's shape with arguments as the style has them already.
    """
    message: Message = {"role": "assistant"}
    message["content"] = (style.empty_content if calls else "") if content is None else content
    if reasoning and style.reasoning_field == CHUNKS[0]:
        chunks = [{"type": "thinking", "thinking": reasoning}]
        message["content"] = chunks + ([{"type": "text", "text": content}] if content else [])
    elif (reasoning or content) and style.reasoning_field == CHUNKS[1]:
        # all of a conversation must be in blocks once one message is
        blocks = [{"type": "thoughts", "text": reasoning}] if reasoning else []
        blocks += [{"type": "response", "text": content}] if content else []
        message["content"] = {"blocks": blocks}
    elif reasoning:
        message[style.reasoning_field] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def other_names(template: ChatTemplate, tools: object) -> dict[str, object]:
    """Variables that some templates want for what others find by themselves."""
    known = {"functions": json.dumps(tools, ensure_ascii=False), "datetime": "today"}
    return {name: value for name, value in known.items() if name in template.variables}


@final
class Probe:
    """Renders conversations by one template and finds the assistant's turn in the result."""

    def __init__(self, template: ChatTemplate, *, bos: str, eos: str) -> None:
        self.template = template
        self.base: dict[str, object] = {"bos_token": bos, "eos_token": eos}
        self.base |= other_names(template, TOOLS)
        """Variables that every conversation has."""
        self.style = Style()
        self.switches: dict[str, object] = {}
        """Variables set for all that follows."""

    def with_style(self, **changes: object) -> None:
        """Write messages in this style from now on."""
        self.style = replace(self.style, **changes)  # type: ignore[arg-type]  # fields of Style

    def render(
        self,
        messages: list[Message],
        variables: Mapping[str, object] | None = None,
        *,
        has_tools: bool = True,
        has_prompt: bool = False,
    ) -> str | None:
        """The text of a conversation; None when the template refuses."""
        given: dict[str, object] = {
            "messages": messages,
            "add_generation_prompt": has_prompt,
            **self.base,
            **self.switches,
            **(variables or {}),
        }
        if has_tools:
            given["tools"] = TOOLS
        try:
            # A template may change what it is given, and the next conversation has the same tools.
            return self.template.render(copy.deepcopy(given))
        except TemplateFailed:
            return None

    def turn(
        self,
        *,
        content: str | None = None,
        reasoning: str | None = None,
        calls: tuple[Call, ...] = (),
        has_tools: bool = True,
    ) -> str | None:
        """What stands after the user's words when the assistant answered so."""
        message = assistant(
            self.style,
            content=content,
            reasoning=reasoning,
            calls=[self._call(call, index) for index, call in enumerate(calls)] or None,
        )
        user: Message = {"role": "user", "content": USER}
        return _after_user(self.render([user, message], has_tools=has_tools))

    def generation(
        self, variables: Mapping[str, object] | None = None, *, has_tools: bool = True
    ) -> str | None:
        """What stands after the user's words when the assistant is to answer."""
        user: Message = {"role": "user", "content": USER}
        return _after_user(self.render([user], variables, has_tools=has_tools, has_prompt=True))

    def after_user(self, *, has_tools: bool = True) -> str | None:
        """What stands after the user's words when nobody is to answer."""
        user: Message = {"role": "user", "content": USER}
        return _after_user(self.render([user], has_tools=has_tools))

    def calling(self, call_id: str) -> Message:
        """An assistant's message with one call of this id."""
        call = self._call(Call({TEXT_KEY: CONTENT}), 0)
        return assistant(self.style, calls=[{**call, "id": call_id}])

    def _call(self, call: Call, index: int) -> Message:
        arguments = dict(call.arguments)
        given = json.dumps(arguments) if self.style.has_argument_text else arguments
        return {
            "id": IDS[index],
            "type": "function",
            "function": {"name": call.name, "arguments": given},
        }


def _after_user(text: str | None) -> str | None:
    if text is None or USER not in text:
        return None
    return text[text.rindex(USER) + len(USER) :]
