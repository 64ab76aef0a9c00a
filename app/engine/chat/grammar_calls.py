"""Grammar of calls: a section of calls as the template writes it, each held to its tool."""

import json
from typing import final

from app.engine.chat.call_reader import trigger
from app.engine.chat.form import CallForm, Constant, JsonForm, Shape, Slot, SlotForm
from app.engine.chat.grammar_arguments import arguments_grammar
from app.engine.chat.lark import SPACE, Lark
from app.engine.chat.tools import Tool, ToolUse

_ID = r"/[A-Za-z0-9]{9}/"
_INDEX = r"/[0-9]{1,3}/"


@final
class CallGrammar:
    """Writes the calls of one request into a grammar."""

    def __init__(self, lark: Lark, form: CallForm, use: ToolUse) -> None:
        self._lark = lark
        self._form = form
        self._use = use
        is_json = isinstance(form.body, JsonForm)
        self.opener = form.opener.strip() if is_json else form.opener.lstrip()
        """The literal before the first call; "" where a call is a bare object."""

    def section(self, opened: str | None = None, *, only: Tool | None = None) -> str:
        """All calls of a turn, from their opening literal on.

        `opened` is an expression in place of the opening literal; `only` the one tool to be called.
        """
        lark, form = self._lark, self._form
        tools = self._use.tools if only is None else (only,)
        body, close = (
            lark.any_of([self._body(tool) for tool in tools]),
            lark.literal(form.call_close),
        )
        is_json = isinstance(form.body, JsonForm)
        if is_json:  # around JSON, white space is free
            body = f"{SPACE} {body} {SPACE}"
            close = lark.literal(form.call_close.strip())
        written = lark.loose if is_json else lark.literal
        first = written(self.opener) if opened is None else opened
        more = ""
        if form.is_parallel and self._use.is_parallel:
            again = written((form.between + form.call_open).rstrip())
            more = f"({again} {body} {close})*"
        end = lark.literal(form.section_close.strip() if is_json else form.section_close.rstrip())
        return lark.rule(f"{first} {body} {close} {more} {end}")

    def spoken(self, *, not_with: str) -> str:
        """Any text, then calls; the text does not begin with `not_with`."""
        if not self.opener.strip():
            return self.section(self.bare_opening())
        marker = trigger(self.opener)
        rest = self.opener[len(marker) :]
        if isinstance(self._form.body, JsonForm):
            rest = f"{SPACE} {self._lark.loose(rest.strip())}" if rest.strip() else ""
        else:
            rest = self._lark.literal(rest)
        return self.section(f"{self._lark.beginning(marker, not_with=not_with)} {rest}")

    def arguments(self, tool: Tool) -> str:
        """The arguments alone."""
        body = self._form.body
        assert isinstance(body, SlotForm)
        return arguments_grammar(self._lark, body.arguments, tool)

    def _body(self, tool: Tool) -> str:
        body = self._form.body
        if isinstance(body, SlotForm):
            head = [self._piece(piece, tool) for piece in body.head]
            return self._lark.rule(" ".join([*head, self.arguments(tool)]))
        if body.is_keyed:
            inner = self._member(tool.name, self._lark.json(tool.parameters))
            return self._lark.rule(f'"{{" {SPACE} {inner} {SPACE} "}}"')
        opening = "" if not self.opener.strip() else '"{"'
        return self._lark.rule(self._object(body.shape, tool, opening))

    def _piece(self, piece: str | Slot, tool: Tool) -> str:
        match piece:
            case Slot.NAME:
                return self._lark.literal(tool.name)
            case Slot.ID:
                return self._lark.terminal(_ID)
            case Slot.INDEX:
                return self._lark.terminal(_INDEX)
            case _:
                return self._lark.literal(str(piece))

    def _object(self, shape: Shape, tool: Tool, opening: str) -> str:
        """An object of this shape; without `opening` its brace and first key stand already."""
        members: list[str] = []
        for key, part in shape.items():
            value = self._value(part, tool)
            if not opening and not members:
                members.append(f"{SPACE} {value}")
            else:
                members.append(self._member(key, value))
        inner = f' {SPACE} "," {SPACE} '.join(members)
        return f'{opening} {SPACE} {inner} {SPACE} "}}"'

    def _member(self, key: str, value: str) -> str:
        return f'{self._lark.literal(json.dumps(key))} {SPACE} ":" {SPACE} {value}'

    def _value(self, part: "Slot | Shape | Constant", tool: Tool) -> str:
        match part:
            case Slot.NAME:
                return self._lark.literal(json.dumps(tool.name))
            case Slot.ARGUMENTS:
                return self._lark.json(tool.parameters)
            case Slot.ARGUMENTS_TEXT:
                return self._lark.json({"type": "string"})
            case Slot.ID:
                return self._lark.json({"type": "string", "pattern": "^[A-Za-z0-9]{9}$"})
            case Slot.INDEX:
                digits = {"type": "string", "pattern": "^[0-9]{1,3}$"}
                whole = {"type": "integer", "minimum": 0, "maximum": 999}
                return self._lark.json({"anyOf": [digits, whole]})
            case Constant(value=value):
                return self._lark.json({"const": value})
            case _:
                return self._object(part, tool, '"{"')

    def bare_opening(self) -> str:
        """A brace, the first key and a colon: the sign of a call where it has no marker.

        Before them there may be white space, but no words.
        """
        body = self._form.body
        assert isinstance(body, JsonForm) and body.shape
        key = json.dumps(next(iter(body.shape)))
        sign = self._lark.terminal(rf"/\s*\{{\s*/ {json.dumps(key)} /\s*:/")
        return self._lark.rule(sign, options="[lazy]")
