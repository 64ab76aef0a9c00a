"""An attempt is measured by the vocabulary alone: what it costs, and whether it is honest. Toy."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.wire.engine import (
    ApplyTemplate,
    CallArguments,
    Detokenize,
    Embed,
    Generate,
    Measure,
    Measured,
    OutputRegex,
    PromptChat,
    PromptText,
    Reasoned,
    Said,
    Sampling,
    Text,
    Tokenize,
    Tokens,
)
from tests.support.engine_child import REPOSITORY, EngineChild
from tests.support.measured import measured
from tests.support.resumed import Told, steps, tell

GREEDY = Sampling(temperature=0)
PLAN = LoadPlan(context=2048, cells=8192, speculation=False)
TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}
TURN = (
    "<think>\nHm, größer?\n</think>\n\nI look for €.\n"
    '<tool_call>\n{"name": "find", "arguments": {"what": "grün"}}\n</tool_call>'
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy") / "a.toy"
    path.write_text("{}")
    return path


@pytest.fixture(scope="module")
def worker(file: Path) -> Iterator[EngineChild]:
    with EngineChild(file, plan=PLAN) as child:
        yield child


@pytest.fixture(scope="module")
def words(file: Path) -> Iterator[EngineChild]:
    with EngineChild(file, plan=PLAN, is_vocabulary_only=True) as child:
        yield child


def chat(message: str, **more: object) -> Generate:
    prompt = PromptChat(messages=[{"role": "user", "content": message}], tools=[TOOL])
    fields: dict[str, object] = {"prompt": prompt, "sampling": GREEDY, **more}
    return Generate(request=RequestId("chat"), **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told(worker: EngineChild) -> Told:
    return tell(worker, chat(TURN), "told")


def test_an_honest_answer_agrees_and_costs_its_tokens(words: EngineChild, told: Told) -> None:
    found = measured(words, chat(TURN), told.tokens, told.parts)

    assert found.agrees
    assert found.answer_tokens == len(told.tokens)
    assert found.prompt_tokens == told.answered.completed.usage.prompt


def test_an_honest_answer_agrees_wherever_it_was_cut(words: EngineChild, told: Told) -> None:
    for count in steps(told):
        before = told.before(count)
        found = measured(words, chat(TURN), told.tokens[:count], before)
        assert (found.differs, found.answer_tokens) == ("", count), count


def test_attempts_at_one_answer_add_up_wherever_the_seam_is(
    worker: EngineChild, words: EngineChild, told: Told
) -> None:
    for count in steps(told)[::7]:
        rest = tell(worker, chat(TURN), f"rest {count}", told.tokens[:count])
        found = measured(words, chat(TURN), rest.tokens, rest.parts, answered=told.tokens[:count])
        assert (found.differs, found.answer_tokens) == ("", len(told.tokens) - count), count


def altered(told: Told) -> dict[str, tuple[list[int], list[object]]]:
    """Tokens and parts that do not belong together."""
    tokens, parts = told.tokens, list[object](told.parts)
    return {
        "another word": (tokens, [Reasoned(text="Hm, grösser?"), *parts[1:]]),
        "a word more": (tokens, [*parts, Said(text="!")]),
        "nothing delivered": (tokens, []),
        "reasoning as an answer": (
            tokens,
            [Said(text=p.text) if isinstance(p, Reasoned) else p for p in parts],
        ),
        "another argument": (
            tokens,
            [
                CallArguments(index=0, text='{"what": "rot"}')
                if isinstance(p, CallArguments)
                else p
                for p in parts
            ],
        ),
        "a token less": ([*tokens[:5], *tokens[6:]], parts),
    }


@pytest.mark.parametrize(
    "case",
    [
        "another word",
        "a word more",
        "nothing delivered",
        "reasoning as an answer",
        "another argument",
        "a token less",
    ],
)
def test_parts_that_the_tokens_do_not_give_are_found_out(
    words: EngineChild, told: Told, case: str
) -> None:
    tokens, parts = altered(told)[case]

    assert measured(words, chat(TURN), tokens, parts).differs == "parts"  # type: ignore[arg-type]


def test_tokens_after_the_end_are_found_out_and_not_paid(words: EngineChild) -> None:
    abc, more = list(b"abc"), list(b"abcde")
    parts = [Said(text="abc")]

    limit = measured(words, chat("abc", max_tokens=3), more, parts)
    stop = measured(words, chat("abc", stop=("c",)), more, [Said(text="ab")])
    turn = measured(words, chat("abc"), [*abc, 257, *abc], parts)

    assert (limit.differs, limit.answer_tokens) == ("end", 3)
    assert (stop.differs, stop.answer_tokens) == ("end", 3)
    assert (turn.differs, turn.answer_tokens) == ("end", 3)


def test_what_breaks_the_grammar_is_found_out(words: EngineChild) -> None:
    generate = Generate(
        request=RequestId("form"),
        prompt=PromptText(text="x"),
        output=OutputRegex(pattern="[0-9]+"),
    )

    right = measured(words, generate, list(b"12"), [Said(text="12")])
    wrong = measured(words, generate, list(b"1a"), [Said(text="1a")])

    assert (right.differs, right.answer_tokens) == ("", 2)
    assert (wrong.differs, wrong.answer_tokens) == ("grammar", 1)


def test_ids_that_are_no_tokens_are_found_out(words: EngineChild) -> None:
    for token in (265, -1, 2**40):
        found = measured(words, chat("a"), [97, token], [Said(text="a")])
        assert (found.differs, found.answer_tokens) == ("vocabulary", 0)


def test_control_tokens_that_say_nothing_are_not_paid(words: EngineChild) -> None:
    generate = Generate(request=RequestId("silent"), prompt=PromptText(text="x"))

    found = measured(words, generate, [97, *[256] * 50, 98], [Said(text="ab")])

    assert found.agrees
    assert found.answer_tokens == 2


def test_the_echo_belongs_to_the_first_attempt(worker: EngineChild, words: EngineChild) -> None:
    generate = Generate(
        request=RequestId("echo"),
        prompt=PromptText(text="abc"),
        sampling=GREEDY,
        echo=True,
        max_tokens=4,
    )
    whole = tell(worker, generate, "whole")
    rest = tell(worker, generate, "rest", whole.tokens[:2])

    assert measured(words, generate, whole.tokens, whole.parts).agrees
    assert measured(words, generate, rest.tokens, rest.parts, answered=whole.tokens[:2]).agrees


def test_inputs_of_embeddings_are_counted(words: EngineChild) -> None:
    work = Embed(request=RequestId("e"), inputs=["grün", [97, 98], "x"])

    found = words.ask(Measure(request=RequestId("m"), work=work)).all().events[-1]

    assert isinstance(found, Measured)
    assert (found.prompt_tokens, found.answer_tokens, found.agrees) == (5 + 2 + 1, 0, True)


def test_an_embedding_of_nothing_is_refused_before_anybody_is_asked(words: EngineChild) -> None:
    work = Embed(request=RequestId("e"), inputs=[])

    refused = words.ask(Measure(request=RequestId("m"), work=work)).all().refused

    assert (refused.kind, refused.field) == ("invalid_request", "input")


def test_a_vocabulary_reads_and_writes_and_does_not_answer(words: EngineChild) -> None:
    text = words.ask(Tokenize(request=RequestId("t"), text="ab")).all().events[-1]
    tokens = words.ask(Detokenize(request=RequestId("d"), tokens=[97, 98])).all().events[-1]
    turn = PromptChat(messages=[{"role": "user", "content": "hi"}])
    prompt = words.ask(ApplyTemplate(request=RequestId("a"), chat=turn)).all().events[-1]

    assert isinstance(text, Tokens)
    assert text.tokens == [97, 98]
    assert isinstance(tokens, Text)
    assert tokens.text == "ab"
    assert isinstance(prompt, Text)
    assert prompt.text.startswith("<|im_start|>user")
    assert words.answer(chat("hi")).refused.kind == "unsupported"


def test_a_vocabulary_engine_ends_when_it_is_drained(file: Path) -> None:
    with EngineChild(file, plan=PLAN, is_vocabulary_only=True) as engine:
        assert engine.drain() == 0


def test_what_cannot_be_served_cannot_be_measured(words: EngineChild) -> None:
    tools = PromptChat(messages=[{"role": "user", "content": "x"}], tools=[{"type": "other"}])
    work = msgspec.structs.replace(chat("x"), prompt=tools)

    pending = words.ask(Measure(request=RequestId("bad"), work=work))

    assert pending.all().refused.kind == "invalid_request"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_a_child_cannot_take_more_memory_than_it_is_allowed() -> None:
    program = (
        "from app.engine.allowance import hold_memory\n"
        "hold_memory(256 * 1024**2)\n"
        "try:\n    bytearray(1024**3)\nexcept MemoryError:\n    print('held')"
    )

    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=REPOSITORY, timeout=60, check=True
    )

    assert child.stdout.strip() == b"held"
