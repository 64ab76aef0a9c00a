"""Answering from facts that stand in the prompt, and saying so when they do not."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starter_model.exchange import Exchange, said
from starter_model.vocabulary import (
    ANIMALS,
    COLOURS,
    DAYS,
    FOODS,
    JOBS,
    LANGUAGES,
    PLACES,
    city,
    code,
    invented,
    name,
    noun,
)

NOT_TOLD: Final = "The text does not say."


@dataclass(frozen=True, slots=True)
class Relation:
    """What may be said of a subject: how it is told, asked and answered."""

    told: tuple[str, ...]
    asked: tuple[str, ...]
    answer: str
    subject: Callable[[random.Random], str]
    value: Callable[[random.Random], str]


def _one_of(*words: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(words)


def _number(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda chance: str(chance.randint(low, high))


def _company(chance: random.Random) -> str:
    return invented(chance).capitalize()


def _time(chance: random.Random) -> str:
    return f"{chance.randint(1, 12)}:{chance.choice(('00', '15', '30', '45'))}"


RELATIONS: Final = (
    Relation(
        ("The {s} is in the {v}.", "The {s} lies in the {v}.", "You find the {s} in the {v}."),
        ("Where is the {s}?", "In which room is the {s}?", "Where do I find the {s}?"),
        "The {s} is in the {v}.",
        noun,
        _one_of(*PLACES),
    ),
    Relation(
        ("The {s} is {v}.", "The color of the {s} is {v}.", "{v} is the color of the {s}."),
        (
            "What color is the {s}?",
            "Which color does the {s} have?",
            "What is the color of the {s}?",
        ),
        "The {s} is {v}.",
        noun,
        _one_of(*COLOURS),
    ),
    Relation(
        ("{s} lives in {v}.", "The home of {s} is in {v}.", "{s} moved to {v} and lives there."),
        ("Where does {s} live?", "In which city does {s} live?", "What city does {s} live in?"),
        "{s} lives in {v}.",
        name,
        city,
    ),
    Relation(
        ("{s} is {v} years old.", "{s} turned {v} this year.", "The age of {s} is {v}."),
        ("How old is {s}?", "What is the age of {s}?", "What age is {s}?"),
        "{s} is {v} years old.",
        name,
        _number(2, 99),
    ),
    Relation(
        ("{s} works as a {v}.", "{s} is a {v}.", "The job of {s} is {v}."),
        ("What is the job of {s}?", "What does {s} do for work?", "What does {s} work as?"),
        "{s} works as a {v}.",
        name,
        _one_of(*JOBS),
    ),
    Relation(
        ("{s} has a {v}.", "{s} owns a {v}.", "The pet of {s} is a {v}."),
        ("Which pet does {s} have?", "What animal does {s} have?", "What is the pet of {s}?"),
        "{s} has a {v}.",
        name,
        _one_of(*ANIMALS),
    ),
    Relation(
        ("{s} likes {v}.", "The favorite food of {s} is {v}.", "{s} eats {v} every day."),
        (
            "What does {s} like to eat?",
            "What is the favorite food of {s}?",
            "What food does {s} like?",
        ),
        "{s} likes {v}.",
        name,
        _one_of(*FOODS),
    ),
    Relation(
        ("{s} speaks {v}.", "The language of {s} is {v}."),
        ("Which language does {s} speak?", "What language does {s} speak?"),
        "{s} speaks {v}.",
        name,
        _one_of(*LANGUAGES),
    ),
    Relation(
        (
            "The code of the {s} is {v}.",
            "To open the {s} use the code {v}.",
            "The {s} code is {v}.",
        ),
        ("What is the code of the {s}?", "Which code opens the {s}?", "What is the {s} code?"),
        "The code of the {s} is {v}.",
        noun,
        code,
    ),
    Relation(
        ("The {s} costs {v} dollars.", "The price of the {s} is {v} dollars."),
        ("How much does the {s} cost?", "What is the price of the {s}?", "What does the {s} cost?"),
        "The {s} costs {v} dollars.",
        noun,
        _number(1, 999),
    ),
    Relation(
        ("The meeting with {s} is on {v}.", "We meet {s} on {v}.", "{s} comes on {v}."),
        ("When is the meeting with {s}?", "On which day do we meet {s}?", "When does {s} come?"),
        "The meeting with {s} is on {v}.",
        name,
        _one_of(*DAYS),
    ),
    Relation(
        ("The train to {s} leaves at {v}.", "At {v} the train to {s} departs."),
        ("When does the train to {s} leave?", "What time does the train to {s} leave?"),
        "The train to {s} leaves at {v}.",
        city,
        _time,
    ),
    Relation(
        ("The {s} belongs to {v}.", "{v} owns the {s}.", "The owner of the {s} is {v}."),
        ("Who owns the {s}?", "Whose {s} is it?", "Who is the owner of the {s}?"),
        "The {s} belongs to {v}.",
        noun,
        name,
    ),
    Relation(
        ("{s} was founded by {v}.", "The founder of {s} is {v}.", "{v} founded {s}."),
        ("Who founded {s}?", "Who is the founder of {s}?"),
        "{s} was founded by {v}.",
        _company,
        name,
    ),
    Relation(
        ("The capital of {s} is {v}.", "{v} is the capital of {s}."),
        ("What is the capital of {s}?", "Which city is the capital of {s}?"),
        "The capital of {s} is {v}.",
        _company,
        city,
    ),
)

_PROMPTS = (
    "{facts} {question}",
    "{facts}\n{question}",
    "{facts}\n\n{question}",
    "{question} {facts}",
    "Fact: {facts} {question}",
    "Fact: {facts}\nQuestion: {question}",
    "Facts: {facts}\n\nQuestion: {question}",
    "Text: {facts}\n\nQuestion: {question}",
    "Context:\n{facts}\n\n{question}",
    "Read this: {facts} {question}",
    "Use this text to answer. {facts} {question}",
    "I tell you a fact: {facts} Now tell me: {question}",
    "Answer from the text.\n\n{facts}\n\n{question}",
)


@dataclass(frozen=True, slots=True)
class _Fact:
    """One thing that a text says."""

    relation: Relation
    subject: str
    value: str

    def told(self, chance: random.Random) -> str:
        """A sentence that says it."""
        sentence = chance.choice(self.relation.told)
        return _begun(sentence.format(s=self.subject, v=self.value))

    def asked(self, chance: random.Random) -> str:
        """A question that it answers."""
        return chance.choice(self.relation.asked).format(s=self.subject)

    @property
    def answer(self) -> str:
        """The one right answer."""
        return _begun(self.relation.answer.format(s=self.subject, v=self.value))


def facts(chance: random.Random) -> Exchange:
    """One to five facts, often alike, and a question about one of them, or about none."""
    told, (fact, *_) = _told(chance)
    answer = fact.answer
    if chance.random() < 0.12:
        stranger = fact.relation.subject(chance)
        if stranger not in told:
            fact, answer = _Fact(fact.relation, stranger, ""), NOT_TOLD
    prompt = chance.choice(_PROMPTS).format(facts=told, question=fact.asked(chance))
    return said("facts", prompt, answer)


def about_one_text(chance: random.Random) -> list[Exchange]:
    """Facts and a question, then more about the same text, at times one that it does not answer."""
    told, known = _told(chance, at_least=2)
    first = chance.choice(_PROMPTS).format(facts=told, question=known[0].asked(chance))
    exchanges = [said("facts", first, known[0].answer)]
    for _ in range(chance.randint(1, 4)):
        fact = chance.choice(known)
        answer = fact.answer
        stranger = fact.relation.subject(chance)
        if chance.random() < 0.3 and stranger not in told:
            fact, answer = _Fact(fact.relation, stranger, ""), NOT_TOLD
        question = fact.asked(chance)
        exchanges.append(said("facts", question, answer, key=f"{told} {question}"))
    return exchanges


def told_before(chance: random.Random) -> tuple[str, str, str]:
    """Facts for a system prompt, a question about them and its answer."""
    told, (fact, *_) = _told(chance)
    return told, fact.asked(chance), fact.answer


def _told(chance: random.Random, *, at_least: int = 1) -> tuple[str, list[_Fact]]:
    """Sentences in any order, and what they say, each of another subject."""
    relation = chance.choice(RELATIONS)
    count = max(at_least, chance.choice((1, 1, 2, 3, 4, 5)))
    found: list[_Fact] = []
    while len(found) < count:
        other = relation if chance.random() < 0.5 or not found else chance.choice(RELATIONS)
        fact = _Fact(other, other.subject(chance), other.value(chance))
        if fact.value != fact.subject and fact.subject not in {each.subject for each in found}:
            found.append(fact)
    sentences = [fact.told(chance) for fact in found]
    chance.shuffle(sentences)
    return " ".join(sentences), found


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
