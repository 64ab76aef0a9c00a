"""The engine as a process: its life, its requests, its ways to fail. With the toy."""

import re
import signal
from pathlib import Path

import pytest

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.wire.engine import (
    ApplyTemplate,
    Begun,
    Cancel,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Failed,
    Generate,
    Loading,
    OutputGrammar,
    OutputRegex,
    OutputSchema,
    Progress,
    PromptChat,
    PromptInfill,
    PromptText,
    PromptTokens,
    Sampling,
    Text,
    Tokenize,
    Tokens,
)
from tests.support.engine_child import EngineChild

GREEDY = Sampling(temperature=0)
PLAN = LoadPlan(context=512, cells=2048, sequences=8, slots=12)


def toy(path: Path, options: str = "{}") -> Path:
    file = path / "a.toy"
    file.write_text(options)
    return file


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    with EngineChild(toy(tmp_path_factory.mktemp("toy")), plan=PLAN) as child:
        yield child


def chat(request: str, message: str, **more: object) -> Generate:
    prompt = PromptChat(messages=[{"role": "user", "content": message}])
    return Generate(request=RequestId(request), prompt=prompt, sampling=GREEDY, **more)  # type: ignore[arg-type]


def test_a_request_is_told_as_begun_deltas_ended_completed(engine: EngineChild) -> None:
    answered = engine.answer(chat("life", "Grüße, 世界!"))

    kinds = [type(event).__name__ for event in answered.events]
    assert kinds[0] == "Begun"
    assert kinds[-2:] == ["Ended", "Completed"]
    assert set(kinds[1:-2]) == {"Delta"}
    assert answered.text() == "Grüße, 世界!"
    assert answered.ended().reason == "stop"
    assert answered.completed.usage.completion == len("Grüße, 世界!".encode())


def test_no_delta_holds_half_a_character(engine: EngineChild) -> None:
    answered = engine.answer(chat("utf8", "€" * 20))

    texts = [part.text for delta in answered.deltas for part in delta.parts]  # type: ignore[union-attr]
    assert "".join(texts) == "€" * 20
    assert not any("�" in text for text in texts)


def test_a_stop_string_ends_the_answer_and_is_not_shown(engine: EngineChild) -> None:
    answered = engine.answer(chat("stop", "one two three four", stop=("three", "x")))

    assert answered.text() == "one two "
    assert answered.ended().reason == "stop"
    assert answered.ended().stop == "three"


def test_the_limit_ends_the_answer_by_length(engine: EngineChild) -> None:
    answered = engine.answer(chat("length", "abcdefgh", max_tokens=3))

    assert answered.text() == "abc"
    assert answered.ended().reason == "length"


def test_every_choice_is_answered(engine: EngineChild) -> None:
    answered = engine.answer(chat("many", "hello", choices=3))

    assert [answered.text(choice) for choice in range(3)] == ["hello"] * 3
    assert answered.completed.usage.completion == 15


def test_the_prompt_is_echoed_when_asked(engine: EngineChild) -> None:
    answered = engine.answer(
        Generate(
            request=RequestId("echo"),
            prompt=PromptText(text="ab"),
            max_tokens=2,
            echo=True,
            sampling=GREEDY,
        )
    )

    assert answered.text() == "abcd"


def test_nothing_but_the_prompt_is_an_answer_too(engine: EngineChild) -> None:
    answered = engine.answer(
        Generate(request=RequestId("none"), prompt=PromptText(text="ab"), max_tokens=0, echo=True)
    )

    assert answered.text() == "ab"
    assert answered.ended().reason == "length"


def test_logprobs_name_every_token_and_the_likeliest_first(engine: EngineChild) -> None:
    answered = engine.answer(chat("logprobs", "ab", top_logprobs=3))

    assert answered.tokens() == list(b"ab")
    assert all(lp.top[0][0] == lp.token and len(lp.top) == 3 for lp in answered.logprobs())
    assert all(lp.logprob <= 0 for lp in answered.logprobs())


def test_output_is_held_to_a_grammar_and_ends_with_it(engine: EngineChild) -> None:
    answered = engine.answer(
        Generate(
            request=RequestId("regex"),
            prompt=PromptText(text="hello"),
            output=OutputRegex(pattern="(ab[0-9]){3}"),
            max_tokens=40,
            sampling=GREEDY,
        )
    )

    assert re.fullmatch("(ab[0-9]){3}", answered.text())
    assert answered.ended().reason == "stop"


def test_a_grammar_that_becomes_too_hard_ends_its_answer_alone(engine: EngineChild) -> None:
    # each rule may have begun at any "a" so far: with every token there are twenty more to follow
    rules = [f"r{number}" for number in range(20)]
    grammar = "\n".join([f"start: {' | '.join(rules)}", *(f'{r}: "a" {r} | "a"' for r in rules)])
    hard = Generate(
        request=RequestId("hard"),
        prompt=PromptText(text="z"),
        output=OutputGrammar(text=grammar),
        max_tokens=400,
        sampling=Sampling(temperature=0, ignore_eos=True),
    )
    pending = engine.ask(hard)
    beside = engine.answer(chat("beside", "quite another"))

    refused = pending.all().refused

    assert refused.kind == "invalid_grammar"
    assert beside.text() == "quite another"


def test_progress_is_told_when_asked(tmp_path: Path) -> None:
    plan = LoadPlan(context=512, cells=2048, sequences=4, slots=8, step_tokens=64)
    with EngineChild(toy(tmp_path), plan=plan) as engine:
        answered = engine.answer(
            Generate(
                request=RequestId("p"),
                prompt=PromptText(text="a" * 150),
                max_tokens=1,
                progress=True,
            )
        )

    seen = [e.processed for e in answered.events if isinstance(e, Progress)]
    assert seen == [64, 128, 150]


def test_a_prompt_past_the_context_is_refused_with_the_numbers(engine: EngineChild) -> None:
    refused = engine.answer(chat("long", "x" * 600)).refused

    assert refused.kind == "context_length_exceeded"
    assert refused.field == "messages"
    assert (refused.prompt_tokens > 600, refused.context) == (True, 512)


def test_a_prompt_that_no_template_may_write_is_past_the_context_too(engine: EngineChild) -> None:
    refused = engine.answer(chat("endless", "x" * 9_000_000)).refused

    assert (refused.kind, refused.field) == ("context_length_exceeded", "messages")
    assert (refused.prompt_tokens, refused.context) == (0, 512)
    assert "(9000000 characters) exceeds the available context size (512 tokens)" in refused.message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (PromptTokens(tokens=[5, 99999]), "prompt"),
        (PromptTokens(tokens=[-1]), "prompt"),
        (PromptTokens(tokens=[]), "prompt"),
        (PromptText(text=""), "prompt"),
    ],
)
def test_an_impossible_prompt_is_refused_by_field(
    engine: EngineChild, message: PromptText | PromptTokens, field: str
) -> None:
    refused = engine.answer(Generate(request=RequestId("bad"), prompt=message)).refused

    assert (refused.kind, refused.field) == ("invalid_request", field)


def test_a_chat_model_refuses_embeddings(engine: EngineChild) -> None:
    refused = engine.ask(Embed(request=RequestId("e"), inputs=["a"])).all().refused

    assert refused.kind == "unsupported"


def test_text_goes_to_tokens_and_back(engine: EngineChild) -> None:
    tokens = engine.ask(Tokenize(request=RequestId("t"), text="a€", with_pieces=True)).all()
    assert isinstance(tokens.events[-1], Tokens)
    back = engine.ask(Detokenize(request=RequestId("d"), tokens=tokens.events[-1].tokens)).all()

    assert isinstance(back.events[-1], Text)
    assert back.events[-1].text == "a€"
    assert b"".join(tokens.events[-1].pieces) == "a€".encode()


def test_a_template_is_applied_without_running_the_model(engine: EngineChild) -> None:
    prompt = PromptChat(messages=[{"role": "user", "content": "hi"}])
    text = engine.ask(ApplyTemplate(request=RequestId("a"), chat=prompt)).all().events[-1]

    assert isinstance(text, Text)
    assert text.text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_the_middle_is_asked_for_between_prefix_and_suffix(engine: EngineChild) -> None:
    answered = engine.answer(
        Generate(
            request=RequestId("fim"),
            prompt=PromptInfill(prefix="ab", suffix="yz"),
            max_tokens=2,
            sampling=GREEDY,
        )
    )

    assert answered.completed.usage.prompt == 2 + 2 + 3


def test_a_client_that_leaves_frees_its_cells(engine: EngineChild) -> None:
    endless = Generate(request=RequestId("gone"), prompt=PromptText(text="a"), max_tokens=400)
    slow = engine.ask(endless)
    slow.until(lambda event: isinstance(event, Delta | Begun))

    engine.send(Cancel(request=RequestId("gone")))

    gauges = engine.wait_gauges(lambda g: g.running == 0 and g.waiting == 0)
    assert gauges.cells_used == 0


def test_more_requests_than_sequences_are_all_answered(engine: EngineChild) -> None:
    pending = [engine.ask(chat(f"crowd{n}", f"message {n}")) for n in range(40)]

    assert [p.all().text() for p in pending] == [f"message {n}" for n in range(40)]


def test_loading_is_told_step_by_step(engine: EngineChild) -> None:
    stages = [event.stage for event in engine.loading if isinstance(event, Loading)]

    assert stages[0] == "weights"
    assert stages[-1] == "template"


def test_an_embedding_model_answers_in_order_and_at_length_one(tmp_path: Path) -> None:
    plan = LoadPlan(context=512, cells=512, is_embedding=True, step_tokens=64, micro_batch=64)
    with EngineChild(toy(tmp_path, '{"is_embedding": true}'), plan=plan) as engine:
        inputs: list[str | list[int]] = [f"text {n}" for n in range(30)]
        event = engine.ask(Embed(request=RequestId("e"), inputs=inputs)).all().events[-1]
        refused = engine.answer(chat("c", "hi")).refused

    assert isinstance(event, Embedded)
    assert len(event.vectors) == 30
    assert len(set(event.vectors)) > 5
    assert refused.kind == "unsupported"


@pytest.mark.parametrize("inputs", [[], [""], ["one", ""]])
def test_an_embedding_of_nothing_is_refused_and_the_engine_goes_on(
    tmp_path: Path, inputs: list[str | list[int]]
) -> None:
    plan = LoadPlan(context=512, cells=512, is_embedding=True, step_tokens=64, micro_batch=64)
    with EngineChild(toy(tmp_path, '{"is_embedding": true}'), plan=plan) as engine:
        refused = engine.ask(Embed(request=RequestId("none"), inputs=inputs)).all().refused
        event = engine.ask(Embed(request=RequestId("e"), inputs=["one"])).all().events[-1]

    assert (refused.kind, refused.field) == ("invalid_request", "input")
    assert isinstance(event, Embedded)


def test_draining_finishes_what_runs_then_ends_with_success(tmp_path: Path) -> None:
    with EngineChild(toy(tmp_path, '{"step_seconds": 0.01}'), plan=PLAN) as engine:
        pending = engine.ask(chat("last", "a long enough answer"))
        pending.until(lambda event: isinstance(event, Begun))

        code = engine.drain()

        assert pending.all().text() == "a long enough answer"
        assert code == 0


def test_what_was_asked_before_the_drain_is_answered(tmp_path: Path) -> None:
    words = "word " * 90
    with EngineChild(toy(tmp_path), plan=PLAN) as engine:
        asked = [engine.ask(chat(f"r{number}", words, max_tokens=1)) for number in range(50)]

        code = engine.drain()

        assert [each.all().text() for each in asked] == ["w"] * len(asked)
        assert code == 0


@pytest.mark.parametrize(
    ("whose", "owners"), [(Priority.GUEST, OutputRegex(pattern="a+")), (Priority.OWNER, None)]
)
def test_the_owner_does_not_wait_for_hard_schemas_of_guests_nor_without_one_for_his_own(
    tmp_path: Path, whose: Priority, owners: OutputRegex | None
) -> None:
    schema = {"type": "string", "pattern": "^(a|b)*c{0,50}$"}
    keys = {f"key{number}": schema for number in range(3000)}
    with EngineChild(toy(tmp_path), plan=PLAN) as engine:
        hard = [OutputSchema(schema={"title": f"{n}", "properties": keys}) for n in range(4)]
        pending = [
            engine.ask(chat(f"hard{number}", "x", priority=whose, output=output))
            for number, output in enumerate(hard)
        ]

        answered = engine.answer(chat("owner", "aaa", output=owners))

        assert answered.text() == "aaa"
        assert not any(each.has_news for each in pending)


def test_the_end_of_stdin_ends_the_process_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    with EngineChild(toy(tmp_path, '{"step_seconds": 0.05}'), plan=PLAN) as engine:
        engine.ask(chat("x", "a" * 300)).until(lambda event: isinstance(event, Delta))
        assert engine.process.stdin is not None

        engine.process.stdin.close()

        assert engine.process.wait(10) == 0


def test_an_abort_in_the_middle_of_an_answer_ends_the_process_by_its_signal(
    tmp_path: Path,
) -> None:
    with EngineChild(toy(tmp_path, '{"abort_after_tokens": 3}'), plan=PLAN) as engine:
        pending = engine.ask(chat("x", "a bcdefgh ijklmn"))

        while pending.next() is not None:
            pass

        assert engine.process.wait(10) == -signal.SIGABRT


def test_a_model_that_cannot_be_loaded_says_why_and_what_to_do(tmp_path: Path) -> None:
    engine = EngineChild(toy(tmp_path, '{"on_load": "fail"}'), plan=PLAN)
    with engine_closed(engine):
        failed = engine.wait_loaded()

    assert isinstance(failed, Failed)
    assert failed.message
    assert failed.remedy


def test_a_crash_while_loading_ends_without_a_word(tmp_path: Path) -> None:
    engine = EngineChild(toy(tmp_path, '{"on_load": "abort"}'), plan=PLAN)
    with engine_closed(engine):
        assert engine.wait_loaded() is None


class engine_closed:
    """Ends a child that never becomes ready."""

    def __init__(self, engine: EngineChild) -> None:
        self.engine = engine

    def __enter__(self) -> EngineChild:
        return self.engine

    def __exit__(self, *error: object) -> None:
        self.engine.process.kill()
        self.engine.process.wait(10)
