"""Grammar: what the model may write in a turn, for llguidance.

Four wishes meet here: reasoning is free, calls are held to their tools, an answer is held to the
form that was asked for, and everything else is free text. A turn is reasoning, if the model
reasons, then calls or words; where a call is demanded there are no words. With tools to choose
from, text is free until a call's first marker; from there the call is held to its schema.
"""

from typing import Final, final

from app.engine.chat.form import ChannelForm, ReasoningForm, TurnForm
from app.engine.chat.grammar_calls import CallGrammar
from app.engine.chat.lark import SPACE, TEXT, ControlToken, Lark
from app.engine.chat.tools import ToolUse

CONTENT_TYPE: Final = "<|constrain|>"


@final
class TurnGrammar:
    """Writes the grammar of one turn.

    `seen` is what of the turn stands in the prompt, `in_reasoning` whether that is within
    reasoning. `answer` writes the form of the words that was asked for; None leaves them free.
    """

    def __init__(
        self,
        form: TurnForm,
        use: ToolUse,
        *,
        seen: str,
        in_reasoning: bool,
        control_token: ControlToken,
    ) -> None:
        self.lark = Lark(control_token)
        self._form = form
        self._use = use
        self._seen = seen.rstrip(" ")
        self._in_reasoning = in_reasoning
        calls = form.calls if use.tools else None
        self._calls = CallGrammar(self.lark, calls, use) if calls else None

    def write(self, answer: str | None) -> str:
        """The grammar, with `answer` as the expression for the words of the answer, or free."""
        if self._form.channels is not None:
            return self.lark.grammar(self._in_channels(self._form.channels, answer))
        ways = self._ways(answer)
        thought = self._thought()
        starts = [f"{thought} {way}".strip() for way in ways]
        reasoning = self._form.reasoning
        if self._in_reasoning and self._calls and not self._use.is_required and answer is None:
            starts.append(TEXT)  # it may never stop to reason
        if self._calls and reasoning and reasoning.ends_at_calls:
            opened = "" if self._in_reasoning else self.lark.literal(reasoning.open.strip())
            at_call = self._calls.section(self.lark.until(self._calls.opener))
            starts.append(f"{opened} {at_call}" if opened or self._in_reasoning else at_call)
        return self.lark.grammar(self.lark.any_of([self.lark.rule(start) for start in starts]))

    def _ways(self, answer: str | None) -> list[str]:
        """What may come after reasoning."""
        ways = []
        opener = self._calls.opener if self._calls else ""
        begun = _begun(self._seen, opener)
        if self._calls and (self._use.is_required or answer is not None or begun):
            rest = opener[begun:]
            is_bare = not opener.strip()
            opened = self._calls.bare_opening() if is_bare else self.lark.literal(rest)
            ways.append(f"{'' if begun else SPACE} {self._calls.section(opened)}")
        if answer is not None and not self._use.is_required:
            ways.append(f"{self._opened()} {answer} {self._closed()}".strip())
        if answer is None and not self._use.is_required:
            ways += self._free(has_begun=bool(begun))
        return ways

    def _free(self, *, has_begun: bool) -> list[str]:
        """Free text, and free text that ends in calls."""
        reasoning = self._form.reasoning
        not_with = "" if self._is_reasoned() or reasoning is None else reasoning.open.strip()
        text = self.lark.text(not_with=not_with)
        opened = ""
        if has_begun:  # the prompt has begun a literal that must be finished first
            opened, not_with = self._opened(), ""
            text = TEXT
        marks = [self.lark.literal(mark) for mark in self._scaffolding()]
        between = f"({' | '.join(marks)})" if marks else ""
        more = f"{text} ({between} {TEXT})*" if marks else text
        ways = [f"{opened} {more}".strip()]
        if self._calls is not None:
            before = f"({text} {between} ({TEXT} {between})*)?" if marks else ""
            spoken = self._calls.spoken(not_with=not_with)
            ways.append(f"{opened} {before} {spoken}".strip())
        return ways

    def _scaffolding(self) -> list[str]:
        """Literals with control tokens that may stand among the words."""
        reasoning = self._form.reasoning
        literals = [self._form.content_open, self._form.content_close, *self._form.scaffolding]
        literals += [reasoning.open, reasoning.close] if reasoning else []
        bare = dict.fromkeys(literal.strip() for literal in literals)
        return [mark for mark in bare if any(isinstance(p, int) for p in self.lark.parts(mark))]

    def _is_reasoned(self) -> bool:
        """Whether reasoning is over, or never was."""
        reasoning = self._form.reasoning
        if reasoning is None:
            return True
        return not self._in_reasoning and reasoning.close.strip() in self._seen

    def _thought(self) -> str:
        """Reasoning before all else: to be ended, or to be had, or none."""
        reasoning = self._form.reasoning
        if reasoning is None or self._is_reasoned():
            return ""
        ended = f"{self.lark.until(reasoning.close.strip())} {SPACE}"
        if self._in_reasoning:
            return ended
        if not reasoning.open.strip():
            return ""
        return f"({SPACE} {self.lark.literal(reasoning.open.strip())} {ended})?"

    def _opened(self) -> str:
        """The literal before the words, as far as the prompt has not written it."""
        literal = self._form.content_open.strip(" ")
        if literal.strip() and literal.strip() in self._seen:
            return ""
        return self.lark.literal(literal[_begun(self._seen, literal) :])

    def _closed(self) -> str:
        return self.lark.literal(self._form.content_close.strip())

    # --- channels ----------------------------------------------------------------------------

    def _in_channels(self, channels: ChannelForm, answer: str | None) -> str:
        reasoning = self._form.reasoning
        assert reasoning is not None
        lark, end = self.lark, channels.header_end
        again = lark.literal(channels.start)
        thought = (
            f"{lark.literal(channels.reasoning_header + end)} {self._ended(reasoning)} {again}"
        )
        final_header = lark.literal(channels.content_header + end)
        words = []
        if not self._use.is_required:
            words.append(f"{final_header} {TEXT if answer is None else answer}")
        if self._calls is not None:
            words.append(self._channel_call(self._calls, channels))
        before = [thought]
        preamble = _preamble(channels)
        if preamble and self._calls is not None and not self._use.is_required and answer is None:
            said = f"{lark.literal(preamble + end)} {self._ended(reasoning)} {again}"
            before.append(said)
        messages = f"({' | '.join(before)})* {lark.any_of([lark.rule(word) for word in words])}"
        if self._in_reasoning:
            return f"{self._ended(reasoning)} {again} {messages}"
        if end in self._seen:  # already among the words
            return TEXT if answer is None else answer
        return messages

    def _ended(self, reasoning: ReasoningForm) -> str:
        return self.lark.until(reasoning.close.strip())

    def _channel_call(self, calls: CallGrammar, channels: ChannelForm) -> str:
        """A message that is a call, or a row of messages with one each."""
        lark, end = self.lark, channels.header_end
        rows = []
        for tool in self._use.tools:
            if not channels.recipient:
                shared = _shared(channels.reasoning_header, channels.content_header)
                header = lark.literal(shared + tool.name + end)
                rows.append(lark.rule(f"{header} {calls.section(only=tool)}"))
                continue
            to = channels.recipient + tool.name
            lead = _preamble(channels)
            named = [lark.literal(" " + to + channels.recipient_rest + end)]
            if lead:
                named.append(f"{lark.literal(lead + ' ' + to)} {self._header_rest(channels)}")
            close = lark.literal(channels.ends[-1])
            rows.append(lark.rule(f"({' | '.join(named)}) {calls.arguments(tool)} {close}"))
        one = lark.any_of(rows)
        if channels.recipient or not self._use.is_parallel:
            return one
        return f"{one} ({lark.literal(channels.ends[0] + channels.start)} {one})*"

    def _header_rest(self, channels: ChannelForm) -> str:
        """What a model writes in the header after the function's name: the type of the content.

        Harmony marks it by a token of its own, which no template shows.
        """
        kind = self.lark.literal(channels.recipient_rest.split()[-1])
        token = self.lark.parts(CONTENT_TYPE)
        marked = f'" "? {self.lark.literal(CONTENT_TYPE)}' if isinstance(token[0], int) else '" "'
        return f'(({marked} | " ") {kind})? {self.lark.literal(channels.header_end)}'


def _preamble(channels: ChannelForm) -> str:
    """The header of a message of the same channel as calls, to the user."""
    words = channels.recipient_rest.split()
    return " ".join(words[:-1]) if len(words) > 1 else ""


def _begun(seen: str, literal: str) -> int:
    """How much of `literal` the prompt has written at its end."""
    for size in range(len(literal), 0, -1):
        if seen.endswith(literal[:size]) and literal[:size].strip():
            return size
    return 0


def _shared(one: str, other: str) -> str:
    size = 0
    while size < min(len(one), len(other)) and one[size] == other[size]:
        size += 1
    return one[:size]
