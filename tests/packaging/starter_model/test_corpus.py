"""The corpus of the demonstration model: repeatable, honest about what is held out, answerable."""

import json
import random

import pytest
from starter_model.conversation import (
    TEMPLATE_FILE,
    Conversation,
    converse,
    examined,
    rendered,
    trained,
)
from starter_model.examination import SKILLS, questions
from starter_model.skills.about import blind_questions, intents
from starter_model.skills.facts import NOT_TOLD

from app.engine.chat.dialect import Dialect
from app.wire.engine import PromptChat

TURN_END = "<|im_end|>"


def conversations(count: int, seed: int = 5) -> list[Conversation]:
    """As they come, the ones that are held out among them."""
    chance = random.Random(seed)
    return [converse(chance) for _ in range(count)]


def test_a_seed_makes_the_same_corpus_every_time() -> None:
    first = [rendered(each) for each in conversations(50)]
    assert first == [rendered(each) for each in conversations(50)]
    assert first != [rendered(each) for each in conversations(50, seed=6)]


def test_about_one_question_in_twenty_is_held_out_of_every_skill() -> None:
    exchanges = [exchange for each in conversations(6000) for exchange in each.exchanges]
    for skill in SKILLS:
        of_skill = [exchange for exchange in exchanges if exchange.skill == skill]
        share = sum(exchange.is_held_out for exchange in of_skill) / len(of_skill)
        assert 0.01 < share < 0.12, skill


def test_no_question_of_the_examination_is_in_a_conversation_that_is_trained_on() -> None:
    chance = random.Random(5)
    drawn = [trained(chance) for _ in range(4000)]
    drawn += [trained(chance, turns=turns) for turns in range(10, 61)]
    keys = {exchange.key for each in drawn for exchange in each.exchanges}
    for skill in SKILLS:
        chance = random.Random(7)
        for _ in range(20):
            assert examined(skill, chance).exchanges[-1].key not in keys


def test_a_long_conversation_to_train_on_is_as_long_as_was_asked_for() -> None:
    chance = random.Random(6)
    for turns in (10, 35, 60):
        assert len(trained(chance, turns=turns).exchanges) >= turns


def test_the_examination_asks_the_same_at_every_call_and_nothing_twice() -> None:
    asked = questions(15)
    assert asked == questions(15)
    assert len(asked) == 15 * len(SKILLS)
    assert len({(question.skill, json.dumps(question.messages)) for question in asked}) == len(
        asked
    )


def test_a_question_belongs_to_one_intent_only() -> None:
    asked = [question.lower() for intent in intents().values() for question in intent.questions]
    assert len(asked) == len(set(asked))


def test_blind_questions_are_none_of_the_trained_ones_and_have_an_answer() -> None:
    asked = {question.lower() for intent in intents().values() for question in intent.questions}
    for question, intent in blind_questions():
        assert question.lower() not in asked
        assert intent in intents()


def test_a_call_takes_its_arguments_from_the_question_and_fits_an_offered_tool() -> None:
    chance = random.Random(3)
    for _ in range(200):
        conversation = examined("tool_call", chance)
        *_, question, answer = conversation.messages
        [call] = answer["tool_calls"]  # type: ignore[misc, attr-defined]
        offered = {tool["function"]["name"]: tool["function"] for tool in conversation.tools}  # type: ignore[index]
        assert 1 <= len(offered) == len(conversation.tools) <= 3
        schema = offered[call["function"]["name"]]["parameters"]
        arguments = json.loads(call["function"]["arguments"])
        assert set(schema["required"]) <= set(arguments) <= set(schema["properties"])
        for value in arguments.values():
            assert str(value) in str(question["content"])


def test_an_answer_from_facts_stands_in_the_prompt_or_says_that_nothing_does() -> None:
    chance = random.Random(4)
    for _ in range(200):
        *before, answer = examined("facts", chance).messages
        said = str(answer["content"]).removesuffix(".").lower()
        told = " ".join(str(message["content"]) for message in before).lower()
        value = said.removesuffix(" dollars").removesuffix(" years old").split()[-1]
        assert value in told or answer["content"] == NOT_TOLD


@pytest.mark.parametrize("skill", SKILLS)
def test_the_engine_renders_every_prompt_as_the_model_was_trained_to_read_it(skill: str) -> None:
    dialect = Dialect.learn(TEMPLATE_FILE.read_text(), bos="", eos=TURN_END)
    assert dialect.can_call_tools
    chance = random.Random(9)
    for _ in range(30):
        conversation = examined(skill, chance)
        *before, _ = conversation.messages
        chat = PromptChat(
            messages=json.loads(json.dumps(before)),
            tools=json.loads(json.dumps(conversation.tools)),
        )
        prompt = dialect.prepare(chat, None).text
        assert prompt.endswith("<|im_start|>assistant\n")
        assert rendered(conversation).startswith(prompt)


@pytest.mark.parametrize("skill", SKILLS)
def test_every_skill_ends_with_the_answer_of_the_assistant(skill: str) -> None:
    conversation = examined(skill, random.Random(8))
    assert conversation.messages[-1]["role"] == "assistant"
    assert rendered(conversation).endswith(TURN_END + "\n")
