"""Counting up, down and in steps, and counting the words of a list."""

import random

from starter_model.exchange import Exchange, said
from starter_model.vocabulary import nouns

_UP = (
    "Count from {a} to {b}.",
    "count from {a} to {b}",
    "Please count from {a} to {b}.",
    "Can you count from {a} up to {b}?",
    "Count up from {a} to {b}, please.",
    "List the numbers from {a} to {b}.",
    "Say all numbers from {a} to {b}.",
    "Write the numbers {a} to {b}.",
    "What are the numbers from {a} to {b}?",
    "I want you to count from {a} to {b}.",
)
_TO = (
    "Count to {b}.",
    "count to {b}",
    "Can you count to {b}?",
    "Please count up to {b}.",
    "Could you count to {b} for me?",
)
_DOWN = (
    "Count down from {a} to {b}.",
    "Count backwards from {a} to {b}.",
    "count backwards from {a} to {b}",
    "Please count down from {a} to {b}.",
    "Can you count down from {a} to {b}?",
    "List the numbers from {a} down to {b}.",
)
_STEPS = {2: "twos", 3: "threes", 5: "fives", 10: "tens"}
_BY = (
    "Count from {a} to {b} by {s}.",
    "Count from {a} to {b} in steps of {n}.",
    "Count by {s} from {a} to {b}.",
    "Please count in {s} from {a} to {b}.",
    "Count in steps of {n} from {a} to {b}.",
)
_WORDS = (
    "How many words are in this list: {w}?",
    "How many items are there: {w}?",
    "Count the words: {w}",
    "Count these items: {w}.",
    "How many things are in this list? {w}",
)


def counting(chance: random.Random) -> Exchange:
    """Up to twenty numbers, or a list of up to six words."""
    kind = chance.choice(("up", "up", "up", "to", "down", "by", "words", "words"))
    if kind == "words":
        words = nouns(chance, chance.randint(2, 6))
        question = chance.choice(_WORDS).format(w=", ".join(words))
        return said("count", question, f"There are {len(words)}.")
    if kind == "to":
        last = chance.randint(2, 20)
        question = chance.choice(_TO).format(b=last)
        return said("count", question, _listed(range(1, last + 1)))
    length = chance.randint(3, 16)
    first = chance.randint(0, 10) if chance.random() < 0.4 else chance.randint(0, 120)
    if kind == "up":
        last = first + length - 1
        question = chance.choice(_UP).format(a=first, b=last)
        return said("count", question, _listed(range(first, last + 1)))
    if kind == "down":
        last = first + length - 1
        question = chance.choice(_DOWN).format(a=last, b=first)
        return said("count", question, _listed(range(last, first - 1, -1)))
    step = chance.choice(tuple(_STEPS))
    if chance.random() < 0.7:
        first = step * chance.randint(0, 6)
    last = first + step * min(length - 1, 10)
    question = chance.choice(_BY).format(a=first, b=last, s=_STEPS[step], n=step)
    return said("count", question, _listed(range(first, last + 1, step)))


def _listed(numbers: range) -> str:
    return ", ".join(str(number) for number in numbers) + "."
