"""An answer that is interrupted after every one of its tokens, and goes on elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from app.core.base.ids import RequestId
from app.wire.engine import (
    CallArguments,
    CallBegun,
    Delta,
    Generate,
    Part,
    Reasoned,
    Said,
)
from tests.support.engine_child import Answered, EngineChild

Joined = list[tuple[str, str]]
"""Parts with neighbours of one kind joined, each as its kind and its text."""


def joined(parts: Iterable[Part]) -> Joined:
    """What a client has at the end, however it was cut."""
    found: Joined = []
    for part in parts:
        match part:
            case Said(text=text):
                kind = "said"
            case Reasoned(text=text):
                kind = "reasoned"
            case CallBegun(index=index, id=call_id, name=text):
                found.append((f"call {index} {call_id}", text))
                continue
            case CallArguments(index=index, text=text):
                kind = f"arguments {index}"
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + text)
        else:
            found.append((kind, text))
    return found


@dataclass(frozen=True)
class Told:
    """What was told of one attempt at an answer of one choice."""

    answered: Answered
    deltas: Sequence[Delta]

    @property
    def tokens(self) -> list[int]:
        return [token for delta in self.deltas for token in delta.token_ids]

    @property
    def parts(self) -> list[Part]:
        return [part for delta in self.deltas for part in delta.parts]

    @property
    def end(self) -> tuple[str, str | None]:
        ended = self.answered.ended()
        return ended.reason, ended.stop

    def before(self, count: int) -> list[Part]:
        """The parts that had been told when `count` tokens had been."""
        found: list[Part] = []
        for delta in self.deltas:
            if len(delta.token_ids) > count or not (delta.token_ids or delta.tokens):
                break
            count -= len(delta.token_ids)
            found += delta.parts
        assert count == 0, "between two Deltas"
        return found


def tell(engine: EngineChild, generate: Generate, name: str, answered: Sequence[int] = ()) -> Told:
    """One attempt, from after `answered` on."""
    request = msgspec.structs.replace(
        generate, request=RequestId(name), with_tokens=True, answered=list(answered)
    )
    whole = engine.answer(request)
    assert whole.completed
    return Told(whole, whole.deltas)


def steps(told: Told) -> list[int]:
    """How many tokens had been told after each Delta, 0 first."""
    counts = [0]
    for delta in told.deltas:
        if delta.token_ids:
            counts.append(counts[-1] + len(delta.token_ids))
    return counts


def check_every_cut(
    engine: EngineChild, generate: Generate, *, other: EngineChild | None = None
) -> Told:
    """Whatever the token after which an answer is interrupted, what is told in the end is the same.

    The answer goes on in `other`, where one is given. The uninterrupted answer is returned.
    """
    name = str(generate.request)
    whole = tell(engine, generate, f"{name} whole")
    for count in steps(whole):
        rest = tell(other or engine, generate, f"{name} {count}", whole.tokens[:count])
        assert whole.tokens[:count] + rest.tokens == whole.tokens, count
        assert joined([*whole.before(count), *rest.parts]) == joined(whole.parts), count
        assert rest.end == whole.end, count
        usage, before = rest.answered.completed.usage, whole.answered.completed.usage
        assert usage.prompt == before.prompt
        assert usage.completion == before.completion - count
    return whole
