"""The header reader against files that chance has spoiled: a card or a refusal, nothing else."""

import io
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import ModelFileInvalid
from app.core.models.card import ModelCard
from app.core.models.describe import card_of
from app.server.models.gguf import parse, read_header
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.models.assemble import STRING, UINT8, Gguf, array

INTERESTING = (0, 1, 2, 3, 7, 8, 9, 12, 13, 31, 0x7F, 0x80, 0xFF)
"""Bytes that make lengths absurd and types wrong."""


def outcome(content: bytes) -> ModelCard | ModelFileInvalid:
    try:
        return card_of([parse(io.BytesIO(content), "fuzzed.gguf", len(content))])
    except ModelFileInvalid as refusal:
        return refusal


@pytest.fixture(scope="module")
def small() -> bytes:
    return Gguf().content()


@pytest.fixture(scope="module")
def made(gguf_store: GgufStore) -> bytes:
    path = gguf_store.llama(LlamaOptions(embedding=64, heads=2, heads_kv=1, layers=1))
    return path.read_bytes()


def test_every_cut_of_a_file_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        assert isinstance(outcome(small[:length]), ModelFileInvalid), length


def test_every_changed_byte_of_a_header_is_borne(small: bytes) -> None:
    for index in range(len(Gguf().header())):
        for byte in INTERESTING:
            found = outcome(small[:index] + bytes([byte]) + small[index + 1 :])

            assert isinstance(found, ModelCard | ModelFileInvalid)


changes = st.lists(
    st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=9)), min_size=1, max_size=6
)


@given(changes=changes, cut=st.none() | st.floats(0, 1))
def test_a_real_file_spoiled_anywhere_is_borne(
    made: bytes,
    changes: list[tuple[int, bytes]],
    cut: float | None,
) -> None:
    content = bytearray(made)
    header = 20_000
    for place, written in changes:
        begin = place % header
        content[begin : begin + len(written)] = written
    kept = content if cut is None else content[: int(cut * header)]

    found = outcome(bytes(kept))

    assert isinstance(found, ModelCard | ModelFileInvalid)


@given(content=st.binary(max_size=300))
def test_any_bytes_behind_the_magic_are_borne(content: bytes) -> None:
    found = outcome(b"GGUF\3\0\0\0" + content)

    assert isinstance(found, ModelCard | ModelFileInvalid)


def test_a_file_of_absurd_lists_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.gguf"
    file = Gguf()
    file.keys.append(array("x", STRING, [], count=2**33))
    with path.open("wb") as writer:
        writer.write(file.header())
        writer.truncate(2**37)
    tracemalloc.start()
    begin = time.process_time()

    with pytest.raises(ModelFileInvalid, match="claims 8589934592 strings"):
        read_header(path)

    assert time.process_time() - begin < 10
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_the_most_strings_that_are_read_take_seconds_at_most(tmp_path: Path) -> None:
    # Zeros are empty strings: a hole in a file is the cheapest way to announce millions.
    path = tmp_path / "f.gguf"
    file = Gguf()
    file.keys.append(array("x", STRING, [], count=8_000_000))
    file.tensors = []
    with path.open("wb") as writer:
        writer.write(file.header())
        writer.truncate(2**30)
    begin = time.process_time()

    with pytest.raises(ModelFileInvalid):
        read_header(path)

    assert time.process_time() - begin < 10


def test_a_header_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.gguf"
    file = Gguf()
    file.keys.append(array("x", UINT8, [], count=2**28))
    with path.open("wb") as writer:
        writer.write(file.header())
        writer.truncate(2**30)

    with pytest.raises(ModelFileInvalid, match="longer than"):
        read_header(path)
