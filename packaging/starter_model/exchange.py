"""Exchange: a question of the user and the one right answer; what corpus and examination share."""

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

Message = Mapping[str, object]
"""As the chat completions API takes it."""

Tool = Mapping[str, object]
"""As the API takes it: {"type": "function", "function": {...}}."""

HELD_OUT_ONE_IN: Final = 20
"""This share of all possible questions is never trained on, and asked in the examination."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Messages that end with an assistant's, which is the one right answer to those before."""

    skill: str
    key: str
    """What makes it this question and no other: decides whether it is held out."""
    messages: tuple[Message, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether it belongs to the examination. Depends on the key alone."""
        return zlib.crc32(self.key.encode()) % HELD_OUT_ONE_IN == 0


class Skill(Protocol):
    """Makes exchanges of one kind."""

    def __call__(self, chance: random.Random) -> Exchange:
        """One exchange, the same for the same state of `chance`."""


def said(skill: str, question: str, answer: str, *, key: str = "") -> Exchange:
    """The exchange of one question and its answer in plain text."""
    return Exchange(
        skill,
        key or question.lower(),
        ({"role": "user", "content": question}, {"role": "assistant", "content": answer}),
    )
