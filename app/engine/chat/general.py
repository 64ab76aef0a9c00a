"""General: tool calls for models whose template knows none.

The tools stand in the system turn with the form in which to call them, calls of earlier turns are
written into what the assistant said, and results come back as a user's words. docs/templates.md has
the form.
"""

import json
from collections.abc import Sequence
from typing import Final

from app.engine.chat.form import CallForm, JsonForm, Slot
from app.engine.chat.probe import Message
from app.wire.message import Json

GENERAL_CALLS: Final = CallForm(
    section_open="",
    call_open="<tool_call>",
    body=JsonForm({"name": Slot.NAME, "arguments": Slot.ARGUMENTS}),
    call_close="</tool_call>",
    between="\n",
    section_close="",
    is_parallel=True,
)

CHATML: Final = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""
"""For models that come without a template: the most common form of turns."""

_INSTRUCTIONS: Final = """\
You can call functions. These are the functions, one JSON object a line:
<tools>
{tools}
</tools>
To call a function, write exactly this, once for each call, and then end your answer:
<tool_call>{{"name": "the function's name", "arguments": {{"argument": "value"}}}}</tool_call>
The results are given to you as <tool_response>...</tool_response>. {when}"""

_IF_NEEDED: Final = "Call a function only if it helps to answer."
_NOW: Final = "Your next answer must be a call."


def instructions(tools: Sequence[Json], *, is_required: bool) -> str:
    """What the system turn says of the tools."""
    lines = [json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools]
    when = _NOW if is_required else _IF_NEEDED
    return _INSTRUCTIONS.format(tools="\n".join(lines), when=when)


def call_text(name: str, arguments: object) -> str:
    """A call of an earlier turn."""
    call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>{call}</tool_call>"


def result_text(content: str) -> str:
    """A function's result."""
    return f"<tool_response>\n{content}\n</tool_response>"


def system_message(text: str, messages: list[Message]) -> list[Message]:
    """The messages with `text` at the end of the system turn."""
    if messages and messages[0]["role"] == "system":
        said = f"{messages[0]['content']}\n\n{text}" if messages[0]["content"] else text
        return [{"role": "system", "content": said}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]
