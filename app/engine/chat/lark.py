"""Lark: writing a grammar in llguidance's Lark dialect, rule by rule.

A literal of a template is text, control tokens of the vocabulary, or both: `literal` finds out
which, since a grammar must name a control token by its id.

Theory: llguidance lexes. Of the lexemes that may come at a place, one marked lazy ends at its first
match and wins over a longer one; so "any text, unless it has this marker" is a plain lexeme beside
a lazy one.
"""

import json
import re
from collections.abc import Callable
from typing import Final, final

from app.engine.chat.schema import Schema, is_holdable, text_of

ControlToken = Callable[[str], int | None]
"""The id of a text that is one control token of the vocabulary; None for any other text."""

TOKEN_CHARACTERS_MAX: Final = 48

TEXT: Final = "TEXT"
SPACE: Final = "SPACE?"

_HEAD: Final = r"""%llguidance {}
TEXT: /(.|\n)*/
SPACE: /[ \t\r\n]{1,40}/
"""


def no_control_token(text: str) -> int | None:
    """For vocabularies of which nothing is known: every marker is text."""
    return None


@final
class Lark:
    """A grammar being written. Expressions are strings of Lark; rules get names of their own."""

    def __init__(self, control_token: ControlToken) -> None:
        self._control_token = control_token
        self._rules: list[str] = []
        self._named: dict[str, str] = {}

    def grammar(self, start: str) -> str:
        """The whole grammar with `start` as its beginning."""
        return _HEAD + "\n".join([f"start: {start}", *self._rules]) + "\n"

    def beginning(self, marker: str, *, not_with: str = "") -> str:
        """Text up to and with `marker`, not beginning with `not_with`."""
        parts = self.parts(marker)
        first, rest = parts[0], parts[1:]
        text = self.text(not_with=not_with)
        if isinstance(first, int):
            return f"{text} {self._row(parts)}"
        body = self.terminal(f"{text} {_quoted(first)}")
        return f"{self.rule(body, options='[lazy]')} {self._row(rest)}".strip()

    def text(self, *, not_with: str = "") -> str:
        """Any text but such as begins with `not_with`."""
        parts = self.parts(not_with)
        if not parts or isinstance(parts[0], int):
            return TEXT
        return self.terminal(rf"/(?s:.*)/ & ~/\s*{_slashed(parts[0])}(?s:.*)/")

    def _row(self, parts: list[str | int]) -> str:
        return " ".join(_quoted(part) if isinstance(part, str) else f"<[{part}]>" for part in parts)

    def rule(self, expression: str, *, options: str = "") -> str:
        """A rule for the expression; the same expression gets the same rule."""
        known = self._named.get(options + expression)
        if known is None:
            known = f"r{len(self._rules)}"
            self._named[options + expression] = known
            self._rules.append(f"{known}{options}: {expression}")
        return known

    def terminal(self, expression: str) -> str:
        """A lexeme for the expression, which has no rules in it."""
        known = self._named.get("T" + expression)
        if known is None:
            known = f"T{len(self._rules)}"
            self._named["T" + expression] = known
            self._rules.append(f"{known}: {expression}")
        return known

    def define(self, name: str, expression: str) -> None:
        """A rule of this name."""
        self._rules.append(f"{name}: {expression}")

    def new_name(self) -> str:
        """A name that no rule has."""
        return f"n{len(self._rules)}_"

    def any_of(self, expressions: list[str]) -> str:
        """One of the expressions, as a rule."""
        if len(expressions) == 1:
            return expressions[0]
        return self.rule(" | ".join(dict.fromkeys(expressions)))

    def literal(self, text: str) -> str:
        """Exactly `text`."""
        return self._row(self.parts(text))

    def loose(self, text: str) -> str:
        """`text`, with any white space where a control token meets other text."""
        return f" {SPACE} ".join(self._row([part]) for part in self.parts(text))

    def parts(self, text: str) -> list[str | int]:
        """`text` as pieces of plain text and ids of control tokens."""
        found: list[str | int] = []
        plain, at = "", 0
        while at < len(text):
            token, size = self._token_at(text, at)
            if token is None:
                plain += text[at]
                at += 1
                continue
            found += [plain] if plain else []
            found.append(token)
            plain = ""
            at += size
        return found + ([plain] if plain else [])

    def control_texts(self, text: str) -> list[str]:
        """The control tokens in `text`, as they are written there."""
        found, at = [], 0
        while at < len(text):
            token, size = self._token_at(text, at)
            if token is not None:
                found.append(text[at : at + size])
            at += max(size, 1)
        return found

    def until(self, close: str, *, within: str = "") -> str:
        """Text up to and with `close`; `within` is a terminal that it must match besides.

        White space before `close` counts as text: readers find where it ends in the same way.
        """
        parts = self.parts(close.lstrip())
        if not parts:
            return TEXT
        first, rest = parts[0], parts[1:]
        after = self._row(rest)
        if isinstance(first, int):
            return f"{within or TEXT} <[{first}]> {after}".strip()
        any_text = within or "/(?s:.*)/"
        if within:
            any_text = f"({any_text} & ~/(?s:.*){_slashed(first)}(?s:.*)/)"
        body = self.terminal(f"{any_text} {_quoted(first)}")
        return f"{self.rule(body, options='[lazy]')} {after}".strip()

    def json(self, schema: Schema, *, is_lenient: bool = True, otherwise: Schema = True) -> str:
        """JSON of this schema; where it is a part that cannot stand alone, of `otherwise`."""
        if is_lenient and not is_holdable(schema):
            schema = otherwise
        return self.rule("%json " + text_of(schema, is_lenient=is_lenient))

    def has(self, name: str) -> bool:
        """Whether a rule of this name was defined."""
        return any(rule.startswith(f"{name}:") for rule in self._rules)

    def in_any_order(self, parts: list[tuple[str, bool]], separator: str) -> str:
        """Each expression at most once, those marked True exactly once, in any order.

        The set of those that came is a number that the rule carries along. Past 60 parts the order
        is fixed. Source: llguidance, docs/parametric.md.
        """
        if not parts:
            return '""'
        if len(parts) > 60:
            return self._in_order(parts, separator)
        name = self.new_name()
        needed = sum(1 << index for index, (_, is_needed) in enumerate(parts) if is_needed)
        met = [f"bit_set({index})" for index, (_, is_needed) in enumerate(parts) if is_needed]
        condition = met[0] if met else "true"
        for one in met[1:]:
            condition = f"and({condition}, {one})"
        size = len(parts)
        rows = [f'"" %if {condition}' if needed else '""']
        for index, (expression, _) in enumerate(parts):
            only = f"{expression} {name}::set_bit({index}) %if is_zeros([0:{size}])"
            if separator:
                more = f"and(bit_clear({index}), not(is_zeros([0:{size}])))"
                rows += [only, f"{separator} {expression} {name}::set_bit({index}) %if {more}"]
            else:
                rows.append(f"{expression} {name}::set_bit({index}) %if bit_clear({index})")
        self._rules.append(f"{name}::_: " + "\n  | ".join(rows))
        return f"{name}::0x0"

    def _in_order(self, parts: list[tuple[str, bool]], separator: str) -> str:
        rest, first = '""', '""'
        for expression, is_needed in reversed(parts):
            alone = self.rule(f"{expression} {rest}")
            more = self.rule(f"{separator} {expression} {rest}" if separator else alone)
            first = alone if is_needed else self.rule(f"{alone} | {first}")
            rest = more if is_needed else self.rule(f"{more} | {rest}")
        return first

    def _token_at(self, text: str, at: int) -> tuple[int | None, int]:
        """The longest control token that begins here, and its length."""
        if text[at].isalnum() or text[at].isspace():
            return None, 0
        for end in range(min(len(text), at + TOKEN_CHARACTERS_MAX), at + 1, -1):
            if not text[end - 1].isalnum():
                token = self._control_token(text[at:end])
                if token is not None:
                    return token, end - at
        return None, 0


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _slashed(text: str) -> str:
    """A text within a regular expression between slashes."""
    return re.sub(r"([.^$*+?()\[\]{}|\\/&~-])", r"\\\1", text).replace("\n", r"\n")
