"""Conversation about this program, from about.toml: many ways to ask, one answer each."""

import random
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starter_model.exchange import Exchange, said

FILE: Final = Path(__file__).parent.parent / "about.toml"
BLIND_FILE: Final = FILE.with_name("blind.toml")
"""Questions written by others after about.toml, never trained on."""

UNKNOWN: Final = "unknown"
"""The intent of questions about anything else in the world."""

_ALONE: Final = frozenset(
    "greeting how_are_you thanks goodbye compliment complaint acknowledge".split()
)
"""Small talk. It is said without an opener or a closer: "Hello, thanks" would be two things."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing a user may want to know, and what the model says."""

    name: str
    answer: str
    questions: tuple[str, ...]


@cache
def intents() -> dict[str, Intent]:
    """All of about.toml, by name."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {
        entry["name"]: Intent(entry["name"], entry["answer"], tuple(entry["questions"]))
        for entry in table["intent"]
    }


def answer_to(intent: str) -> str:
    """What the model says to questions of this intent."""
    return intents()[intent].answer


@cache
def _around() -> dict[str, tuple[str, ...]]:
    """What people say before and behind: `openers`, `closers`, and the `tails` of small talk."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {name: tuple(table[name]) for name in ("openers", "closers", "tails")}


def blind_questions() -> tuple[tuple[str, str], ...]:
    """Pairs of a question and the name of its intent."""
    table = tomllib.loads(BLIND_FILE.read_text("utf-8"))
    return tuple((entry["text"], entry["intent"]) for entry in table["question"])


def about(chance: random.Random) -> Exchange:
    """A question about the program or the model, as somebody may type it."""
    intent = chance.choice(tuple(intents().values()))
    if chance.random() < 0.08:
        intent = intents()[UNKNOWN]
    question = chance.choice(intent.questions)
    key = question.lower()
    if intent.name in _ALONE:
        if chance.random() < 0.45:
            question = question.rstrip("?.! ") + chance.choice(_around()["tails"])
            key = question.lower()
    else:
        if chance.random() < 0.45:
            opener = chance.choice(_around()["openers"])
            question = opener + (question[0].lower() + question[1:])
            key = question.lower()
        if chance.random() < 0.15:
            question = question.rstrip("?.! ") + chance.choice(_around()["closers"])
    return said("about", _typed(question, chance), intent.answer, key=key)


def _typed(text: str, chance: random.Random) -> str:
    """As hurried people type: small letters, no mark at the end, a slip of the finger."""
    if chance.random() < 0.25:
        text = text.lower()
    if chance.random() < 0.25:
        text = text.rstrip("?.!")
    if chance.random() < 0.2:
        text = _slipped(text, chance)
    return text


def _slipped(text: str, chance: random.Random) -> str:
    """One letter doubled, left out, or changed with its neighbour."""
    inside = [at for at in range(1, len(text) - 1) if text[at : at + 2].isalpha()]
    if not inside:
        return text
    at = chance.choice(inside)
    left, letter, following, right = text[:at], text[at], text[at + 1], text[at + 2 :]
    changed = chance.choice((letter + letter + following, following, following + letter))
    return left + changed + right
