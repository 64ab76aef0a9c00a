"""Repeating and transforming words of the prompt."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starter_model.exchange import Exchange, said
from starter_model.vocabulary import COLOURS, NAMES, NOUNS, invented, noun, nouns

_ADJECTIVES: Final = (
    "big small old new fast slow quiet loud happy tired brave clever warm cold shiny round"
).split()
_VERBS: Final = "sees likes carries finds paints follows washes wants holds hides".split()


def _sentence(chance: random.Random) -> str:
    subject, other = nouns(chance, 2)
    first, second = chance.choice(_ADJECTIVES), chance.choice((*_ADJECTIVES, *COLOURS))
    return f"the {first} {subject} {chance.choice(_VERBS)} the {second} {other}"


def _some(chance: random.Random) -> list[str]:
    """Two to five words, at times invented ones."""
    words: list[str] = []
    while len(words) < 2 or (len(words) < 5 and chance.random() < 0.6):
        word = noun(chance)
        if word not in words:
            words.append(word)
    return words


@dataclass(frozen=True, slots=True)
class _Task:
    """One transformation: how it is asked for, what it is about, and what comes out."""

    asked: tuple[str, ...]
    subject: Callable[[random.Random], Sequence[str]]
    answer: Callable[[Sequence[str]], str]
    joined: str = " "


def _known(chance: random.Random) -> list[str]:
    return nouns(chance, chance.randint(1, 3))


_TASKS: Final = (
    _Task(
        (
            "Repeat after me: {w}",
            "repeat: {w}",
            "Say this: {w}",
            "Please repeat these words: {w}",
            "Echo this text: {w}",
            "Write exactly this: {w}",
            'Repeat the sentence "{w}".',
        ),
        lambda chance: _sentence(chance).split() if chance.random() < 0.5 else _some(chance),
        " ".join,
    ),
    _Task(
        (
            "Write this in capital letters: {w}",
            "Write {w} in upper case.",
            "Turn this into uppercase: {w}",
            "uppercase: {w}",
            "Put this in capitals: {w}",
        ),
        _known,
        lambda words: " ".join(words).upper(),
    ),
    _Task(
        (
            "Reverse the order of these words: {w}",
            "Put these words in reverse order: {w}",
            "Write these words backwards, last one first: {w}",
            "Reverse this list: {w}",
        ),
        _some,
        lambda words: " ".join(reversed(words)),
    ),
    _Task(
        (
            "What is the first word of this list: {w}?",
            "Give me the first of these words: {w}",
            "Which word comes first: {w}?",
        ),
        _some,
        lambda words: words[0],
        ", ",
    ),
    _Task(
        (
            "What is the last word of this list: {w}?",
            "Give me the last of these words: {w}",
            "Which word comes last: {w}?",
        ),
        _some,
        lambda words: words[-1],
        ", ",
    ),
    _Task(
        (
            "Join these words with commas: {w}",
            "Put commas between these words: {w}",
            "Make a comma separated list: {w}",
        ),
        _some,
        ", ".join,
    ),
    _Task(
        (
            "Make a numbered list of these words: {w}",
            "Number these words: {w}",
            "Write these as a numbered list: {w}",
        ),
        _some,
        lambda words: "\n".join(f"{n}. {word}" for n, word in enumerate(words, 1)),
        ", ",
    ),
)


def words(chance: random.Random) -> Exchange:
    """One transformation of words that stand in the prompt."""
    kind = chance.random()
    if kind < 0.12:
        return _many_times(chance)
    if kind < 0.27:
        return _spelled(chance)
    if kind < 0.36:
        return _replaced(chance)
    task = chance.choice((_TASKS[0], *_TASKS))
    subject = task.subject(chance)
    question = chance.choice(task.asked).format(w=task.joined.join(subject))
    return said("words", question, task.answer(subject))


def _many_times(chance: random.Random) -> Exchange:
    times = chance.randint(2, 5)
    spoken = {2: "two", 3: "three", 4: "four", 5: "five"}[times]
    word = invented(chance) if chance.random() < 0.4 else chance.choice((*NOUNS, *NAMES))
    question = chance.choice(
        ("Say {w} {n} times.", "Repeat {w} {n} times.", "Write the word {w} {n} times.")
    ).format(w=word, n=chance.choice((str(times), spoken)))
    return said("words", question, " ".join([word] * times))


def _spelled(chance: random.Random) -> Exchange:
    word = chance.choice(NOUNS)
    question = chance.choice(
        (
            "Spell the word {w}.",
            "How do you spell {w}?",
            "Spell {w}, please.",
            "spell {w}",
            "What are the letters of {w}?",
            "Spell {w} letter by letter.",
            "Can you spell {w}?",
        )
    ).format(w=word)
    return said("words", question, "-".join(word))


def _replaced(chance: random.Random) -> Exchange:
    sentence = _sentence(chance)
    old = chance.choice([word for word in sentence.split() if word != "the"])
    new = chance.choice([word for word in NOUNS if word not in sentence.split()])
    question = chance.choice(
        (
            "Replace {o} with {n} in this sentence: {s}",
            "Change the word {o} to {n}: {s}",
            "In this sentence, write {n} instead of {o}: {s}",
        )
    ).format(o=old, n=new, s=sentence)
    answer = " ".join(new if word == old else word for word in sentence.split())
    return said("words", question, answer)
