"""Sums, differences, products and comparisons of small numbers."""

import random

from starter_model.exchange import Exchange, said
from starter_model.vocabulary import NAMES, NOUNS

_ASKED = (
    "What is {q}?",
    "what is {q}",
    "What's {q}?",
    "How much is {q}?",
    "{q}",
    "{q} = ?",
    "{q}=",
    "Calculate {q}.",
    "Compute {q}.",
    "Can you tell me what {q} is?",
    "Please calculate {q}.",
    "Tell me the result of {q}.",
    "I need to know {q}.",
)
_WRITTEN = {
    "+": ("{a} + {b}", "{a}+{b}", "{a} plus {b}"),
    "-": ("{a} - {b}", "{a}-{b}", "{a} minus {b}"),
    "*": ("{a} * {b}", "{a} x {b}", "{a} times {b}", "{a} multiplied by {b}", "{a}*{b}"),
}
_MORE = (
    "{n} has {a} {t} and gets {b} more. How many {t} does {n} have now?",
    "{n} had {a} {t} and found {b} more. How many {t} are there now?",
    "There are {a} {t} on the table. {n} adds {b}. How many are there?",
)
_LESS = (
    "{n} has {a} {t} and gives away {b}. How many {t} are left?",
    "{n} had {a} {t} and lost {b} of them. How many are left?",
    "There are {a} {t} in a box. {n} takes {b}. How many are left?",
)
_LARGER = (
    "Which is larger, {a} or {b}?",
    "Which number is bigger: {a} or {b}?",
    "What is larger, {a} or {b}?",
)
_SMALLER = ("Which is smaller, {a} or {b}?", "Which number is smaller: {a} or {b}?")


def arithmetic(chance: random.Random) -> Exchange:
    """Operands up to fifty, products of the table of ten.

    Sums and differences are held out by their operands. A product is looked up and not worked out,
    so of products only the wording can be held out.
    """
    kind = chance.choice("++++---**sl")
    if kind == "l":
        return _comparison(chance)
    operation = chance.choice("+-") if kind == "s" else kind
    a, b = _operands(chance, operation)
    result = {"+": a + b, "-": a - b, "*": a * b}[operation]
    answer = f"{a} {operation} {b} = {result}"
    if kind == "s":
        template = chance.choice(_MORE if operation == "+" else _LESS)
        question = template.format(a=a, b=b, n=chance.choice(NAMES), t=chance.choice(NOUNS) + "s")
    else:
        written = chance.choice(_WRITTEN[operation]).format(a=a, b=b)
        question = chance.choice(_ASKED).format(q=written)
    key = "" if operation == "*" else f"{a}{operation}{b}"
    return said("arithmetic", question, answer, key=key)


def _operands(chance: random.Random, operation: str) -> tuple[int, int]:
    if operation == "*":
        return chance.randint(0, 10), chance.randint(0, 10)
    largest = chance.choice((10, 20, 50, 50))
    a, b = chance.randint(0, largest), chance.randint(0, largest)
    return (max(a, b), min(a, b)) if operation == "-" else (a, b)


def _comparison(chance: random.Random) -> Exchange:
    a, b = chance.sample(range(chance.choice((20, 100))), 2)
    templates, result = (_LARGER, max(a, b)) if chance.random() < 0.6 else (_SMALLER, min(a, b))
    question = chance.choice(templates).format(a=a, b=b)
    return said("arithmetic", question, f"{result}", key=f"{min(a, b)}<{max(a, b)}")
