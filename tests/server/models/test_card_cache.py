"""Laws of the card cache: quick starts, and never a stale card."""

import os
from pathlib import Path

import msgspec
import pytest

from app.server.models import card_cache
from tests.server.models.assemble import STRING, UINT32, Gguf, Tensor, array, scalar
from tests.server.models.shelf import put, read_all, scanned


def test_a_second_start_reads_no_header(tmp_path: Path) -> None:
    path, cache_file = put(tmp_path / "models" / "m.gguf"), tmp_path / "cache" / "cards.json"
    bad = tmp_path / "models" / "bad.gguf"
    bad.write_bytes(b"GGUX")
    before = read_all(scanned(path.parent, cache_file=cache_file)).entries()

    after = scanned(path.parent, cache_file=cache_file)

    assert after.entries() == before
    assert all(entry.is_read for entry in after.entries())


def test_a_changed_file_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    path, cache_file = put(tmp_path / "models" / "m.gguf", name="Old"), tmp_path / "cards.json"
    read_all(scanned(path.parent, cache_file=cache_file))
    status = path.stat()

    put(path, name="New")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    library = scanned(path.parent, cache_file=cache_file)
    assert not library.entries()[0].is_read
    assert library.card("m").name == "New"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"version":0,"models":{}}'])
def test_a_damaged_cache_is_ignored(content: bytes, tmp_path: Path) -> None:
    put(tmp_path / "models" / "m.gguf")
    cache_file = tmp_path / "cards.json"
    cache_file.write_bytes(content)

    library = read_all(scanned(tmp_path / "models", cache_file=cache_file))

    assert library.entries()[0].card is not None
    assert msgspec.json.decode(cache_file.read_bytes())["version"] == card_cache.VERSION


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    put(tmp_path / "models" / "m.gguf")
    (tmp_path / "file").write_text("")

    library = scanned(tmp_path / "models", cache_file=tmp_path / "file" / "cards.json")

    assert read_all(library).entries()[0].card is not None


def test_the_cache_forgets_models_that_are_gone(tmp_path: Path) -> None:
    cache_file = tmp_path / "cards.json"
    gone = put(tmp_path / "models" / "gone.gguf")
    read_all(scanned(gone.parent, cache_file=cache_file))
    gone.unlink()
    put(tmp_path / "models" / "here.gguf")

    read_all(scanned(gone.parent, cache_file=cache_file))

    models = msgspec.json.decode(cache_file.read_bytes())["models"]
    assert list(models) == [str(tmp_path / "models" / "here.gguf")]


def test_two_hundred_known_models_are_listed_with_their_cards_at_once(tmp_path: Path) -> None:
    folder, cache_file = tmp_path / "models", tmp_path / "cards.json"
    content = large_model()
    for index in range(200):
        path = (
            folder / f"publisher-{index % 20}" / f"Model-{index}B-GGUF" / f"M-{index}B-Q4_K_M.gguf"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    read_all(scanned(folder, cache_file=cache_file))

    library = scanned(folder, cache_file=cache_file)

    assert all(entry.card for entry in library.entries())
    assert len(library.entries()) == 200


def large_model() -> bytes:
    """A model of 64 layers."""
    file = Gguf()
    file.keys[4] = scalar("llama.block_count", UINT32, 64)
    file.keys.append(array("tokenizer.ggml.merges", STRING, ["a b"] * 100))
    file.tensors += [Tensor(f"blk.{index}.attn_k.weight", (8, 8)) for index in range(64)]
    return file.content()
