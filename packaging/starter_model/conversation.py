"""Conversations: exchanges of all skills put together, as an application would send them."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from starter_model.exchange import Exchange, Message, Skill, Tool, said
from starter_model.skills.about import UNKNOWN, about, answer_to
from starter_model.skills.arithmetic import arithmetic
from starter_model.skills.counting import counting
from starter_model.skills.extraction import extraction
from starter_model.skills.facts import about_one_text, facts, told_before
from starter_model.skills.tools import call, compatible, offered, round_trip, use
from starter_model.skills.words import words
from starter_model.vocabulary import COLOURS, FOODS, city, name

TEMPLATE_FILE: Final = Path(__file__).with_name("chat_template.jinja")

_SKILLS: Final[tuple[tuple[Skill, int], ...]] = (
    (about, 80),
    (arithmetic, 20),
    (words, 27),
    (facts, 22),
    (counting, 11),
    (extraction, 4),
)
_SYSTEMS: Final = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful, polite assistant.",
    "You are Athanor.",
    "Answer briefly.",
    "You are a friendly assistant. Be short and correct.",
    "Help the user.",
    "You are a helpful assistant with access to tools.",
    "Be concise.",
)
_REMEMBERED: Final = (
    (
        ("My name is {v}.", "Hi, I am {v}.", "Hello, my name is {v}.", "I'm {v}.", "Call me {v}."),
        "Nice to meet you, {v}.",
        ("What is my name?", "what's my name", "Do you remember my name?", "Who am I?"),
        "Your name is {v}.",
        name,
    ),
    (
        ("I live in {v}.", "My home is in {v}.", "I moved to {v}."),
        "{v} sounds like a nice place.",
        ("Where do I live?", "In which city do I live?", "Which city did I tell you?"),
        "You live in {v}.",
        city,
    ),
    (
        ("My favorite color is {v}.", "I like the color {v}.", "I love {v}, it is my color."),
        "{v} is a beautiful color.",
        ("What is my favorite color?", "Which color do I like?", "What color did I tell you?"),
        "Your favorite color is {v}.",
        lambda chance: chance.choice(COLOURS),
    ),
    (
        ("My favorite food is {v}.", "I like to eat {v}.", "I love {v} for dinner."),
        "{v} is a good choice.",
        ("What is my favorite food?", "What do I like to eat?", "Which food did I tell you?"),
        "You like {v}.",
        lambda chance: chance.choice(FOODS),
    ),
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages that end with an assistant's, the tools offered, and what its exchanges were."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    exchanges: tuple[Exchange, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether any of its questions belongs to the examination."""
        return any(exchange.is_held_out for exchange in self.exchanges)


def converse(chance: random.Random, *, turns: int | None = None) -> Conversation:
    """One conversation. `turns` is how many exchanges; None draws one to four, mostly one."""
    count = turns or chance.choices((1, 2, 3, 4), (55, 25, 12, 8))[0]
    kind = chance.random()
    if kind < 0.1:
        return _with_tools(chance, count)
    if kind < 0.23:
        return _assembled(about_one_text(chance), (), _system(chance, ()))
    exchanges = [_ordinary(chance) for _ in range(count)]
    if count >= 2 and chance.random() < 0.35:
        exchanges[0], exchanges[-1] = _remembered(chance)
    return _assembled(exchanges, (), _system(chance, exchanges))


def trained(chance: random.Random, *, turns: int | None = None) -> Conversation:
    """A conversation to train on, drawn until it is as long as asked and none of it held out."""
    while True:
        conversation = converse(chance, turns=turns)
        is_whole = turns is None or len(conversation.exchanges) >= turns
        if is_whole and not conversation.is_held_out:
            return conversation


def examined(skill: str, chance: random.Random) -> Conversation:
    """A conversation of one exchange of this skill, drawn until it is one held out."""
    while True:
        if skill in {"tool_call", "tool_answer"}:
            conversation = _with_tools(chance, 1)
        elif skill == "memory":
            first, last = _remembered(chance)
            conversation = _assembled((first, _ordinary(chance), last), (), None)
        else:
            conversation = _assembled((_ordinary(chance),), (), None)
        if conversation.exchanges[-1].skill == skill and conversation.exchanges[-1].is_held_out:
            return conversation


def _ordinary(chance: random.Random) -> Exchange:
    skill = chance.choices([each for each, _ in _SKILLS], [weight for _, weight in _SKILLS])[0]
    return skill(chance)


def _with_tools(chance: random.Random, count: int) -> Conversation:
    """Tools are offered; most questions are for one of them, a few for none."""
    used = compatible(use(chance) for _ in range(min(2, count)))
    tools = offered(used, chance)
    exchanges: list[Exchange] = []
    for at in range(count):
        if chance.random() < 0.18:
            exchanges.append(_beside_tools(chance))
            continue
        identity = f"call_{chance.randrange(16**8):08x}"
        each = used[at % len(used)]
        is_last = at == count - 1
        if is_last and chance.random() < 0.5:
            exchanges.append(call(each, identity))
        else:
            exchanges.append(round_trip(each, identity, chance))
    return _assembled(exchanges, tools, _system(chance, ()))


def _beside_tools(chance: random.Random) -> Exchange:
    """A question that no tool is for. Of the wide world nothing: a tool might know the weather."""
    while True:
        exchange = chance.choice((about, counting, words))(chance)
        if exchange.messages[-1]["content"] != answer_to(UNKNOWN):
            return exchange


def _remembered(chance: random.Random) -> tuple[Exchange, Exchange]:
    """What the user tells of himself, and his question about it, to stand further down."""
    told, reply, asked, answer, made = chance.choice(_REMEMBERED)
    value = made(chance)
    reply = reply.format(v=value)
    first = said("memory", chance.choice(told).format(v=value), reply[0].upper() + reply[1:])
    question = chance.choice(asked)
    return first, said("memory", question, answer.format(v=value), key=f"{question} {value}")


def _system(chance: random.Random, exchanges: Sequence[Exchange]) -> str | None:
    """What the system prompt says, if there is one; at times facts that the last question is about.

    A list of exchanges gets such a question appended.
    """
    drawn = chance.random()
    if drawn < 0.08 and isinstance(exchanges, list):
        told, question, answer = told_before(chance)
        exchanges.append(said("facts", question, answer, key=f"{told} {question}"))
        return told
    if drawn < 0.13 and isinstance(exchanges, list):
        called = name(chance)
        asked = chance.choice(("What is your name?", "Who are you?", "what's your name"))
        exchanges.insert(0, said("facts", asked, f"My name is {called}.", key=f"{asked} {called}"))
        return chance.choice(("Your name is {n}.", "You are {n}, a helpful assistant.")).format(
            n=called
        )
    return chance.choice(_SYSTEMS) if drawn < 0.5 else None


def _assembled(
    exchanges: Sequence[Exchange], tools: tuple[Tool, ...], system: str | None
) -> Conversation:
    before: tuple[Message, ...] = () if system is None else ({"role": "system", "content": system},)
    messages = before + tuple(message for each in exchanges for message in each.messages)
    return Conversation(messages, tools, tuple(exchanges))


def _template() -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE_FILE.read_text("utf-8"))


_TEMPLATE: Final = _template()


def rendered(conversation: Conversation) -> str:
    """The conversation as the model reads it, by the template that goes into its file."""
    return _TEMPLATE.render(
        messages=conversation.messages,
        tools=conversation.tools or None,
        add_generation_prompt=False,
    )
