"""Dialect: everything the engine needs to hold a conversation with one model.

`learn` once when the model is loaded, `prepare` for each request. What a dialect is made of is
learned from the model's own chat template (learn.py); nothing here knows a model by name. The
general form, and what is learned of known templates, is in docs/templates.md.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Final, final

from app.core.base.errors import RequestError, TemplateFailed
from app.engine.chat.form import TurnForm
from app.engine.chat.general import CHATML, GENERAL_CALLS, instructions
from app.engine.chat.lark import ControlToken, no_control_token
from app.engine.chat.learn import Learned, learn
from app.engine.chat.learn_bearing import learn_bearing
from app.engine.chat.literals import common_beginning
from app.engine.chat.messages import Bearing, conversation
from app.engine.chat.prepared import PreparedChat
from app.engine.chat.probe import Message, Probe, other_names
from app.engine.chat.switches import Switches, learn_switches
from app.engine.chat.template import ChatTemplate
from app.engine.chat.tools import ToolUse, completed, tool_use
from app.wire.engine import OutputForm, PromptChat
from app.wire.message import Json

CUT: Final = "\ue000Zqx\ue001"
"""Marks where a turn that is to be continued is cut off. No text has these characters."""

CONTROL_TOKENS_KEPT: Final = 32_768
"""Answers of `control_token` kept: literals are searched for tokens with every request."""

_OURS: Final = frozenset({"messages", "tools", "add_generation_prompt"})
"""Variables that a request's template arguments cannot set."""


@final
class Dialect:
    """How to speak with one model. Thread-safe."""

    def __init__(
        self, template: ChatTemplate, probe: Probe, *, control_token: ControlToken
    ) -> None:
        self._template = template
        self._variables = probe.base
        self._switches = learn_switches(probe)
        self._learned = learn(probe)
        self._control_token = lru_cache(CONTROL_TOKENS_KEPT)(control_token)
        self._bearing = Bearing(probe.style, has_calls=False)
        self._anchors = ("", "")
        self._endings: frozenset[str] = frozenset()
        if self._learned is not None:
            probe.switches = {}
            self._bearing = learn_bearing(probe, self._learned)
            self._anchors = _anchors(probe, self._learned)
            self._endings = _endings(probe, self._anchors[0], self._switches)

    @classmethod
    def learn(
        cls,
        template: str | None,
        *,
        bos: str,
        eos: str,
        control_token: ControlToken = no_control_token,
        now: Callable[[], datetime] = datetime.now,
        clock: Callable[[], float] = monotonic,
    ) -> "Dialect":
        """The dialect of a template; of ChatML where a model has none. A tenth of a second.

        `control_token` gives the id of a text that is one control token; grammars need it to name
        markers. A source that is no template refuses every conversation, with the reason: the model
        completes texts all the same.
        """
        try:
            compiled = ChatTemplate(CHATML if template is None else template, now=now, clock=clock)
        except TemplateFailed as failure:
            # Python's literal of a text is Jinja's too.
            refusing = f"{{{{ raise_exception({failure.message!r}) }}}}"
            compiled = ChatTemplate(refusing, now=now, clock=clock)
        return cls(compiled, Probe(compiled, bos=bos, eos=eos), control_token=control_token)

    @property
    def can_call_tools(self) -> bool:
        """Whether calls are understood: by the template's own form, or by the general one."""
        return self._learned is not None

    @property
    def calls_natively(self) -> bool:
        """Whether the template has a form for calls of its own."""
        return self._learned is not None and self._learned.form.calls is not None

    @property
    def can_reason(self) -> bool:
        """Whether the model's reasoning is told apart from its answer."""
        return self._learned is not None and self._learned.form.reasoning is not None

    def prepare(self, chat: PromptChat, output: OutputForm | None) -> PreparedChat:
        """The prompt of a conversation, with how to hold and to read the answer.

        Raises: TemplateFailed when the template refuses, RequestError and InvalidGrammar naming
        the field that is wrong.
        """
        use = tool_use(chat)
        if use.tools and not self.can_call_tools:
            raise TemplateFailed("the chat template writes no answers, so no calls", field="tools")
        is_general = bool(use.tools) and not self.calls_natively
        more = instructions(_offered(chat, use), is_required=use.is_required) if is_general else ""
        messages = conversation(chat.messages, self._bearing, more_system=more)
        if chat.continue_last:
            _mark_cut(chat.messages[-1], messages[-1])
        tools = chat.tools if use.tools and not is_general else []
        text = self._render(self._arguments(chat, messages), tools)
        if chat.continue_last:
            if CUT not in text:
                raise TemplateFailed("the chat template hides the turn to be continued")
            text = text[: text.rindex(CUT)]
        form = self._form(is_general=is_general)
        return PreparedChat(
            text,
            form,
            use,
            output,
            seen=self._seen(text, chat),
            control_token=self._control_token,
        )

    def _form(self, *, is_general: bool) -> TurnForm:
        if self._learned is None:
            return TurnForm()
        form = self._learned.form
        return replace(form, calls=GENERAL_CALLS) if is_general else form

    def _arguments(self, chat: PromptChat, messages: list[Message]) -> dict[str, object]:
        """The template's variables; a request's own go over those for its effort."""
        variables: dict[str, object] = dict(self._variables)
        variables |= self._switches.variables(chat.reasoning_effort)
        variables |= {k: v for k, v in chat.template_arguments.items() if k not in _OURS}
        variables["messages"] = messages
        variables["add_generation_prompt"] = not chat.continue_last
        return variables

    def _render(self, variables: dict[str, object], tools: list[Json]) -> str:
        """The prompt, with the tools as the client described them.

        A template that fails on a tool may take for granted what clients may leave out, such as
        descriptions; it gets a second try with all of that.
        """
        try:
            return self._template.render(variables | self._with_tools(tools))
        except TemplateFailed:
            if not tools:
                raise
        return self._template.render(variables | self._with_tools(map(completed, tools)))

    def _with_tools(self, tools: Iterable[Json]) -> dict[str, object]:
        given = copy.deepcopy(list(tools))  # a template may change what it is given
        return {"tools": given} | other_names(self._template, given) if given else {}

    def _seen(self, text: str, chat: PromptChat) -> str:
        """What of the assistant's turn stands at the end of the prompt.

        After a user's message, or in a turn that goes on, it is what follows the turn's beginning.
        After other messages a template may write no beginning; then what follows the last one is
        an earlier turn, which is none of the known endings of a prompt.
        """
        always, after_user = self._anchors
        is_after_user = chat.continue_last or chat.messages[-1].get("role") == "user"
        anchor = always or (after_user if is_after_user else "")
        place = text.rfind(anchor) if anchor else -1
        seen = text[place + len(anchor) :].strip() if place >= 0 else ""
        return seen if is_after_user or seen in self._endings else ""


def _endings(probe: Probe, anchor: str, switches: Switches) -> frozenset[str]:
    """What prompts have after the beginning of the assistant's turn."""
    found = set()
    for variables in (None, switches.off, switches.on):
        prompt = probe.generation(variables) or probe.generation(variables, has_tools=False)
        if prompt and anchor and anchor in prompt:
            found.add(prompt[prompt.rindex(anchor) + len(anchor) :].strip())
    return frozenset(found)


def _anchors(probe: Probe, learned: Learned) -> tuple[str, str]:
    """What begins each of the assistant's turns, and what does after a user's."""
    prompt = probe.generation() or probe.generation(has_tools=False) or ""
    header = learned.header.strip()
    ended = probe.after_user(has_tools=False) or ""
    always = learned.header[len(common_beginning([learned.header, ended])) :].strip()
    return (always if always in prompt else "", header if header in prompt else "")


def _mark_cut(raw: Json, message: Message) -> None:
    """Put the mark after the last words of the last message.

    Raises: RequestError when there are none to continue.
    """
    field = "messages"
    if message["role"] != "assistant" or message.get("tool_calls"):
        raise RequestError("only a last message of the assistant can be continued", field=field)
    said = raw.get("content")
    if not isinstance(said, str) or not said:
        raise RequestError("the message to be continued says nothing", field=field)
    content = message["content"]
    if isinstance(content, str):
        message["content"] = content + CUT
    elif isinstance(content, list):
        content[-1]["text"] += CUT
    elif isinstance(content, dict):
        content["blocks"][-1]["text"] += CUT


def _offered(chat: PromptChat, use: ToolUse) -> list[Json]:
    """The tools as the client described them, those that may be called."""
    names = {tool.name for tool in use.tools}
    return [tool for tool in chat.tools if _function(tool).get("name") in names]


def _function(tool: Json) -> Json:
    function = tool.get("function")
    return function if isinstance(function, dict) else {}
