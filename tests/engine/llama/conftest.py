"""Models for the tests of llama.cpp's backend: opened once a module, forgotten after each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Row, Trim
from app.engine.backend import Floats
from app.engine.llama.backend import LlamaBackend, load
from app.wire.model import ModelSource
from tests.gguf_made import EXACT, EXACT_PLAN, GgufStore


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this folder runs llama.cpp."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.model)


def plan_of(**choices: object) -> LoadPlan:
    """A small plan that is safe on any CPU; `choices` replace fields."""
    plan: dict[str, object] = {
        "context": 512,
        "cells": 1024,
        "sequences": 4,
        "slots": 8,
        "step_tokens": 128,
        "micro_batch": 128,
        "threads": 1,
        "threads_batch": 1,
        "use_extra_buffers": False,
    }
    return LoadPlan(**(plan | choices))  # type: ignore[arg-type]


def open_model(path: Path, **choices: object) -> LlamaBackend:
    """The model at `path`, loaded by `plan_of(**choices)`."""
    return load(ModelSource(path=os.fspath(path), name="made"), plan_of(**choices), _silent)


def _silent(_stage: str, _fraction: float) -> None:
    pass


def words(count: int, *, seed: int = 0, vocabulary: int = 600) -> list[int]:
    """Random ordinary tokens."""
    return np.random.default_rng(seed).integers(33, vocabulary, count).tolist()


def compute(backend: LlamaBackend, slot: int, tokens: list[int], *, start: int = 0) -> Floats:
    """Puts `tokens` into the slot at position `start`; a copy of the last one's logits."""
    step = backend.facts.plan.step_tokens
    for at in range(0, len(tokens), step):
        part = tokens[at : at + step]
        is_last = at + len(part) == len(tokens)
        backend.decode([Row(0, Slot(slot), start + at, part, logits=int(is_last))])
    return backend.logits(0).copy()


def fresh(backend: LlamaBackend, tokens: list[int]) -> Floats:
    """The logits after `tokens`, computed from nothing in the highest slot."""
    slot = backend.facts.plan.slots - 1
    backend.move(Trim(Slot(slot), 0))
    logits = compute(backend, slot, tokens)
    backend.move(Trim(Slot(slot), 0))
    return logits


def assert_same(found: Floats, expected: Floats) -> None:
    """Equal up to what another order of sums in half precision makes of them."""
    assert float(np.abs(found - expected).max()) < 0.01 * float(expected.std())


@pytest.fixture(scope="module")
def opened_llama(gguf_store: GgufStore) -> Iterator[LlamaBackend]:
    backend = open_model(gguf_store.llama())
    yield backend
    backend.close()


@pytest.fixture
def llama(opened_llama: LlamaBackend) -> LlamaBackend:
    """The tiny llama with an empty memory."""
    return emptied(opened_llama)


@pytest.fixture
def windowed(gguf_store: GgufStore) -> Iterator[LlamaBackend]:
    """The tiny model with sliding windows of 32 tokens. New for each test: which cells are used
    next depends on all that happened before."""
    backend = open_model(gguf_store.windowed(), cells=512)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def opened_exact(gguf_store: GgufStore) -> Iterator[LlamaBackend]:
    backend = open_model(gguf_store.llama(EXACT), **EXACT_PLAN)
    yield backend
    backend.close()


@pytest.fixture
def exact(opened_exact: LlamaBackend) -> LlamaBackend:
    """The tiny llama in full precision, its memory empty."""
    return emptied(opened_exact)


@pytest.fixture(scope="module")
def opened_mamba(gguf_store: GgufStore) -> Iterator[LlamaBackend]:
    backend = open_model(gguf_store.mamba())
    yield backend
    backend.close()


@pytest.fixture
def mamba(opened_mamba: LlamaBackend) -> LlamaBackend:
    """The tiny recurrent model with an empty memory."""
    return emptied(opened_mamba)


@pytest.fixture(scope="module")
def opened_hybrid(gguf_store: GgufStore) -> Iterator[LlamaBackend]:
    backend = open_model(gguf_store.hybrid())
    yield backend
    backend.close()


@pytest.fixture
def hybrid(opened_hybrid: LlamaBackend) -> LlamaBackend:
    """The tiny hybrid with an empty memory."""
    return emptied(opened_hybrid)


def emptied(backend: LlamaBackend) -> LlamaBackend:
    """The backend with all its slots forgotten."""
    for slot in range(backend.facts.plan.slots):
        backend.move(Trim(Slot(slot), 0))
    return backend
