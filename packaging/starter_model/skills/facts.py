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


def facts(chance: random.Random) -> Exchange:
    """One to five facts, often alike, and a question about one of them, or about none."""
    told, relation, subject, value = _told(chance)
    question = chance.choice(relation.asked)
    is_told = chance.random() > 0.12
    if not is_told:
        stranger = relation.subject(chance)
        if stranger not in told:
            subject = stranger
        else:
            is_told = True
    prompt = chance.choice(_PROMPTS).format(facts=told, question=question.format(s=subject))
    answer = _begun(relation.answer.format(s=subject, v=value)) if is_told else NOT_TOLD
    return said("facts", prompt, answer)


def told_before(chance: random.Random) -> tuple[str, str, str]:
    """Facts for a system prompt, a question about them and its answer."""
    told, relation, subject, value = _told(chance)
    question = chance.choice(relation.asked).format(s=subject)
    return told, question, _begun(relation.answer.format(s=subject, v=value))


def _told(chance: random.Random) -> tuple[str, Relation, str, str]:
    """Sentences, and the one relation, subject and value that a question may be about."""
    relation = chance.choice(RELATIONS)
    count = chance.choice((1, 1, 2, 3, 4, 5))
    sentences: list[str] = []
    subjects: list[str] = []
    chosen: tuple[Relation, str, str] | None = None
    while len(sentences) < count:
        other = relation if chance.random() < 0.5 or not sentences else chance.choice(RELATIONS)
        subject = other.subject(chance)
        if subject in subjects:
            continue
        value = other.value(chance)
        if value == subject:
            continue
        subjects.append(subject)
        sentences.append(_begun(chance.choice(other.told).format(s=subject, v=value)))
        if chosen is None:
            chosen = (other, subject, value)
    assert chosen is not None
    chance.shuffle(sentences)
    return " ".join(sentences), *chosen


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
