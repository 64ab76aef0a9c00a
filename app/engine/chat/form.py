"""Form: how a model writes reasoning, content and tool calls; what `learn` finds out.

Plain values, read by the parser, by the grammar writer and by whoever prepares a prompt. A literal
is text as the template writes it; where it has white space, a model may write other white space or
none, so readers match it loosely (source.py).
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

KEY_MARK = "\0"
"""Stands for the argument's name within a literal that repeats it."""


class Slot(enum.Enum):
    """A place in a call that differs from call to call."""

    NAME = "name"
    ARGUMENTS = "arguments"
    """Arguments as a JSON object."""
    ARGUMENTS_TEXT = "arguments in a string"
    """Arguments as JSON within a JSON string."""
    ID = "id"
    INDEX = "index"
    """The number of the call in its turn."""


Shape = Mapping[str, "Slot | Shape | Constant"]
"""A JSON object with slots: its keys in the order in which the template writes them."""


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """A member of a call's object that is the same in every call."""

    value: object


@final
@dataclass(frozen=True, slots=True)
class JsonForm:
    """The call is one JSON object: `{"name": f, "arguments": {...}}`.

    `is_keyed`: the object is `{f: {...}}` instead, and `shape` is empty.
    """

    shape: Shape
    is_keyed: bool = False


@final
@dataclass(frozen=True, slots=True)
class JsonArguments:
    """`{"p": "v"}` after the name."""


@final
@dataclass(frozen=True, slots=True)
class TaggedArguments:
    """Each argument between literals: `<parameter=p>v</parameter>`.

    `open`, the argument's name, a middle, the value, `close`. The middle may name the value's type;
    `middles` has the literal for each JSON type that was seen, texts among them. Texts stand as
    they are, other values as JSON. `close` has KEY_MARK where it repeats the name.
    """

    open: str
    middles: Mapping[str, str]
    close: str
    between: str = ""
    element: str = ""
    """The name under which a list's elements stand, where objects and lists are written as
    arguments within an argument; "" where they are JSON."""


@final
@dataclass(frozen=True, slots=True)
class PythonArguments:
    """`(p='v', q=1)`: keyword arguments of a Python call."""


@final
@dataclass(frozen=True, slots=True)
class BareArguments:
    """`{p:"v",q:1}`: an object with bare keys and texts between `quote`."""

    quote: str


ArgumentsForm = JsonArguments | TaggedArguments | PythonArguments | BareArguments


@final
@dataclass(frozen=True, slots=True)
class SlotForm:
    """The call is literals with slots, then the arguments.

    `head` begins with the first slot and has Slot.NAME exactly once.
    """

    head: tuple[str | Slot, ...]
    arguments: ArgumentsForm


@final
@dataclass(frozen=True, slots=True)
class CallForm:
    """How a turn writes its calls: a section of one or more.

    `section_open`, then each call as `call_open`, `body` and `call_close`, with `between` them,
    then `section_close`. All but the body may be empty.
    """

    section_open: str
    call_open: str
    body: JsonForm | SlotForm
    call_close: str
    between: str
    section_close: str
    is_parallel: bool
    """Whether the template writes more than one call in a turn."""

    @property
    def opener(self) -> str:
        """The literal before the first call."""
        return self.section_open + self.call_open

    def literals(self) -> Iterator[str]:
        """All literals of a call and around it."""
        yield from (self.section_open, self.call_open, self.call_close, self.between)
        yield self.section_close
        if isinstance(self.body, SlotForm):
            yield from (piece for piece in self.body.head if isinstance(piece, str))
            match self.body.arguments:
                case TaggedArguments(open=opening, middles=middles, close=close, between=between):
                    yield from (opening, *middles.values(), close, between)
                case BareArguments(quote=quote):
                    yield quote
                case _:
                    pass

    @property
    def closer(self) -> str:
        """The first literal after a call, whichever it is."""
        return self.call_close or self.between or self.section_close

    @property
    def writes_id(self) -> bool:
        """Whether the model writes an id of its own."""
        if isinstance(self.body, SlotForm):
            return Slot.ID in self.body.head
        return Slot.ID in self.body.shape.values()


@final
@dataclass(frozen=True, slots=True)
class ReasoningForm:
    """The literals around reasoning. `open` is empty where the turn simply begins with it."""

    open: str
    close: str
    ends_at_calls: bool = False
    """Whether a call may come without `close` before it."""


@final
@dataclass(frozen=True, slots=True)
class ChannelForm:
    """The turn is a row of messages, each with a header that says whom it is for.

    `start`, the header, `header_end`, the body, one of `ends`. A header that has `recipient`
    followed by a function's name makes the body that function's arguments; `recipient` is empty
    where calls are written within a body.
    """

    start: str
    header_end: str
    reasoning_header: str
    content_header: str
    recipient: str
    recipient_rest: str
    """What the template writes in the header after the function's name."""
    ends: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class TurnForm:
    """Everything about how an assistant's turn is written."""

    reasoning: ReasoningForm | None = None
    calls: CallForm | None = None
    channels: ChannelForm | None = None
    content_open: str = ""
    content_close: str = ""
    scaffolding: tuple[str, ...] = field(default=())
    """Literals between the parts of a turn that are no one's words, such as a repeated header."""

    def literals(self, *, has_calls: bool) -> Iterator[str]:
        """All literals of the form, those of calls if they are wanted."""
        yield from (self.content_open, self.content_close, *self.scaffolding)
        if self.reasoning:
            yield from (self.reasoning.open, self.reasoning.close)
        if channels := self.channels:
            yield from (channels.start, channels.header_end, channels.reasoning_header)
            yield from (channels.content_header, channels.recipient_rest, *channels.ends)
        if self.calls is not None and has_calls:
            yield from self.calls.literals()
