"""Output: the parts of an answer as they are found, joined where they touch."""

from collections.abc import Callable
from typing import final

from app.wire.engine import CallArguments, CallBegun, Part, Reasoned, Said

CallIds = Callable[[int], str]
"""The id of the call with this index, for models that write none."""


@final
class Output:
    """Collects parts until they are taken; counts the calls."""

    def __init__(self, ids: CallIds) -> None:
        self.calls = 0
        self._ids = ids
        self._parts: list[Part] = []

    def say(self, text: str) -> None:
        """Text of the answer."""
        if text:
            self._parts.append(Said(text=text))

    def reason(self, text: str) -> None:
        """Text of the reasoning."""
        if text:
            self._parts.append(Reasoned(text=text))

    def begin_call(self, name: str, call_id: str) -> None:
        """A call, its name known; `call_id` is the model's own or ""."""
        call_id = call_id or self._ids(self.calls)
        self._parts.append(CallBegun(index=self.calls, id=call_id, name=name))
        self.calls += 1

    def argue(self, text: str) -> None:
        """More of the last call's arguments, as JSON text."""
        if text:
            self._parts.append(CallArguments(index=self.calls - 1, text=text))

    def take(self) -> list[Part]:
        """What came since the last time, neighbours of one kind joined."""
        parts, self._parts = self._parts, []
        if len(parts) < 2:
            return parts
        joined: list[Part] = []
        for part in parts:
            match joined[-1] if joined else None, part:
                case Said(text=before), Said(text=after):
                    joined[-1] = Said(text=before + after)
                case Reasoned(text=before), Reasoned(text=after):
                    joined[-1] = Reasoned(text=before + after)
                case CallArguments(index=i, text=before), CallArguments(index=j, text=after) if (
                    i == j
                ):
                    joined[-1] = CallArguments(index=i, text=before + after)
                case _:
                    joined.append(part)
        return joined
