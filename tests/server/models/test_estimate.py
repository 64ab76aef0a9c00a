"""The estimate against what llama.cpp itself says it allocated, for real loads of made models."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from app.core.models.fit import plan_load
from app.core.models.quant import NUMBER_TYPES, REMOVED_TYPES
from app.core.models.wishes import Wishes
from app.engine.llama import library
from app.engine.llama.backend import load
from app.server.models.gguf import read_header
from app.wire.model import ModelSource
from tests.core.models.cards import GIB, MIB, cpu
from tests.gguf_made import BertOptions, GgufStore, LlamaOptions, MambaOptions

pytestmark = pytest.mark.model

_BUFFER = re.compile(r"\s(model|compute|output|KV|RS) buffer size =\s*([\d.]+) MiB")
_ROUNDING = 0.011
"""The log says hundredths of a MiB."""

WIDE = LlamaOptions(vocabulary=12_000, embedding=256, feed_forward=1024, heads=4)

LOADS: dict[str, tuple[Callable[[GgufStore], Path], Wishes]] = {
    "llama": (lambda store: store.llama(), Wishes(threads=1)),
    "few cells": (lambda store: store.llama(), Wishes(threads=1, context=512, cells=512)),
    "quantised": (
        lambda store: store.llama(),
        Wishes(threads=1, key_type="q8_0", value_type="q8_0"),
    ),
    "without flash attention": (
        lambda store: store.llama(),
        Wishes(threads=1, cells=8192, flash_attention="off"),
    ),
    "large vocabulary": (lambda store: store.llama(WIDE), Wishes(threads=1, cells=4096)),
    "many sequences": (lambda store: store.llama(), Wishes(threads=1, sequences=64, cells=8192)),
    "recurrent": (
        lambda store: store.mamba(MambaOptions(embedding=256, state=32)),
        Wishes(threads=1),
    ),
    "windowed": (lambda store: store.windowed(), Wishes(threads=1)),
    "hybrid": (lambda store: store.hybrid(), Wishes(threads=1)),
    "encoder": (lambda store: store.bert(BertOptions(context=2048)), Wishes(threads=1)),
    "causal embedder": (
        lambda store: store.llama(LlamaOptions(pooling=gguf.PoolingType.LAST)),
        Wishes(threads=1),
    ),
}


@pytest.mark.parametrize("name", LOADS)
def test_a_load_takes_what_was_estimated(name: str, gguf_store: GgufStore) -> None:
    make, wishes = LOADS[name]
    path = make(gguf_store)
    fit = plan_load(read_header(path), [cpu(16 * GIB)], wishes)
    need = fit.needs[0]
    mark = library.tail.mark

    load(ModelSource(path=str(path), name=name), fit.plan, lambda _stage, _fraction: None).close()

    taken: dict[str, float] = defaultdict(float)
    for line in library.tail.since(mark):
        if found := _BUFFER.search(line):
            taken[found[1]] += float(found[2])
    assert need.memory / MIB == pytest.approx(taken["KV"] + taken["RS"], abs=2 * _ROUNDING)
    compute = taken["compute"] + taken["output"]
    assert compute <= need.compute / MIB <= 1.8 * compute + 32


def test_the_table_of_number_types_is_ggmls() -> None:
    import ctypes

    blocks = library.ggml_function("ggml_blck_size", ctypes.c_int64, ctypes.c_int)
    sizes = library.ggml_function("ggml_type_size", ctypes.c_size_t, ctypes.c_int)
    known = dict(NUMBER_TYPES)
    for removed in REMOVED_TYPES:
        assert blocks(removed) == 0

    for number, kind in known.items():
        assert (blocks(number), sizes(number)) == (kind.elements, kind.bytes), kind.word
