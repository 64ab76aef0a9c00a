"""Laws of heads: all that counting needs of a model, and nothing that is not of it."""

import os
import struct
from pathlib import Path

import pytest

from app.core.base.errors import ModelFileInvalid
from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.server.models.found import part_of
from app.server.models.gguf import read_header
from app.server.models.hashing import FileChanged, HashingStopped, sha256_of
from app.server.models.heads import heads_in, make_head, read_head
from app.server.models.identity import joined
from app.wire.engine import Generate, PromptChat, Sampling, Tokenize, Tokens
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.models.assemble import Gguf
from tests.support.engine_child import EngineChild
from tests.support.measured import measured
from tests.support.resumed import tell

PLAN = LoadPlan(context=1024, cells=2048, threads=1, threads_batch=1)


def digest(path: Path) -> str:
    return sha256_of(path, part_of(path.stat()))


def test_a_head_has_the_cards_words_and_the_digest_of_the_whole(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    model = gguf_store.llama()

    head = make_head(model, tmp_path / "heads")

    card = read_header(model)
    assert head.path == tmp_path / "heads" / f"{digest(model)}.gguf"
    assert head.sha256 == digest(model)
    assert head.card.path == str(head.path)
    for field in ("name", "architecture", "parameters", "size_bytes", "quantisation", "vocabulary"):
        assert getattr(head.card, field) == getattr(card, field), field
    assert head.path.stat().st_size < model.stat().st_size / 10
    assert head == read_head(head.path)


def test_no_path_of_the_machine_that_made_it_is_in_a_head(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    head = make_head(gguf_store.llama(), tmp_path)

    assert str(gguf_store.folder).encode() not in head.path.read_bytes()


def test_a_split_model_has_one_head_that_needs_no_parts(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    model = gguf_store.llama(LlamaOptions(shard_tensors=9))
    parts = [Path(part) for part in read_header(model).shards]
    assert len(parts) > 1
    seen: list[int] = []

    head = make_head(model, tmp_path, on_bytes=seen.append)

    assert head.sha256 == joined([digest(part) for part in parts])
    assert head.card.shards == ()
    assert seen == sorted(seen)
    assert seen[-1] == sum(part.stat().st_size for part in parts)


def test_the_heads_of_a_folder_are_found_by_their_models(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    first = make_head(gguf_store.llama(), tmp_path)
    second = make_head(gguf_store.llama(LlamaOptions(seed=2)), tmp_path)
    (tmp_path / "whole.gguf").write_bytes(gguf_store.llama().read_bytes())
    (tmp_path / "notes.txt").write_text("mine")

    found, refused = heads_in(tmp_path)

    assert found == {first.sha256: first, second.sha256: second}
    assert ["it is no head" in error.message for error in refused] == [True]
    assert heads_in(tmp_path / "missing") == ({}, [])


def test_a_toy_is_its_own_head(tmp_path: Path) -> None:
    toy = tmp_path / "a.toy"
    toy.write_text("{}")

    head = make_head(toy, tmp_path / "heads")

    assert head.sha256 == digest(toy) == digest(head.path)
    assert heads_in(tmp_path / "heads")[0] == {head.sha256: head}


# --- what is refused -------------------------------------------------------------------------


def test_a_head_has_no_head(gguf_store: GgufStore, tmp_path: Path) -> None:
    head = make_head(gguf_store.llama(), tmp_path)

    with pytest.raises(ModelFileInvalid, match="only a vocabulary"):
        make_head(head.path, tmp_path)


def test_a_model_without_a_vocabulary_has_no_head(tmp_path: Path) -> None:
    path = tmp_path / "mute.gguf"
    Gguf().write(path)

    with pytest.raises(ModelFileInvalid, match="no vocabulary"):
        make_head(path, tmp_path / "heads")

    assert list((tmp_path / "heads").iterdir()) == []


def test_a_model_that_changes_meanwhile_has_no_head(gguf_store: GgufStore, tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(gguf_store.llama().read_bytes())

    def touch(_count: int) -> None:
        os.utime(model, ns=(1, 1))

    with pytest.raises(FileChanged):
        make_head(model, tmp_path / "heads", on_bytes=touch)


def test_making_a_head_can_be_stopped(gguf_store: GgufStore, tmp_path: Path) -> None:
    with pytest.raises(HashingStopped):
        make_head(gguf_store.llama(), tmp_path / "heads", is_stopped=lambda: True)

    assert heads_in(tmp_path / "heads") == ({}, [])


def test_an_altered_head_is_refused_with_a_reason(gguf_store: GgufStore, tmp_path: Path) -> None:
    head = make_head(gguf_store.llama(), tmp_path)
    whole = head.path.read_bytes()
    key = b"athanor.head.version"
    at = whole.index(key) + len(key) + 4
    sha = head.sha256.encode()
    altered = {
        "another version": whole[:at] + struct.pack("<I", 9) + whole[at + 4 :],
        "no SHA-256": whole.replace(sha, b"x" * 64),
        "a card that makes no sense": whole.replace(b'"architecture"', b'"architectura"'),
        "cut off": whole[: len(whole) // 2],
    }

    for reason, data in altered.items():
        head.path.write_bytes(data)
        with pytest.raises(ModelFileInvalid, match=reason):
            read_head(head.path)


# --- what llama.cpp makes of it --------------------------------------------------------------


@pytest.mark.model
@pytest.mark.parametrize("shard_tensors", [0, 9], ids=["one file", "parts"])
def test_an_engine_counts_with_a_head_as_with_the_model(
    gguf_store: GgufStore, tmp_path: Path, shard_tensors: int
) -> None:
    model = gguf_store.llama(LlamaOptions(shard_tensors=shard_tensors))
    head = make_head(model, tmp_path)
    prompt = PromptChat(messages=[{"role": "user", "content": "Grüße, seven ships!"}])
    generate = Generate(
        request=RequestId("x"), prompt=prompt, max_tokens=20, sampling=Sampling(temperature=0)
    )

    with (
        EngineChild(model, plan=PLAN) as worker,
        EngineChild(head.path, plan=PLAN, is_vocabulary_only=True) as words,
    ):
        told = tell(worker, generate, "told")
        found = measured(words, generate, told.tokens, told.parts)
        text = words.ask(Tokenize(request=RequestId("t"), text="<|im_end|> ships")).all()
        same = worker.ask(Tokenize(request=RequestId("t"), text="<|im_end|> ships")).all()

    assert found.agrees
    assert found.prompt_tokens == told.answered.completed.usage.prompt
    assert isinstance(text.events[-1], Tokens)
    assert text.events[-1] == same.events[-1]
    assert words.facts.vocabulary == worker.facts.vocabulary


@pytest.mark.model
def test_an_engine_with_weights_refuses_a_head(gguf_store: GgufStore, tmp_path: Path) -> None:
    head = make_head(gguf_store.llama(), tmp_path)
    engine = EngineChild(head.path, plan=PLAN)

    event = engine.wait_loaded()

    engine.process.wait(20)
    assert event is not None
    assert event.message  # type: ignore[union-attr]
