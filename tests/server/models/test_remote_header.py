"""A card from a file that is elsewhere: the same as from the disk, and few bytes of it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import ModelFileInvalid
from app.core.downloads.download import File
from app.server.models.gguf import read_header
from app.server.models.remote_header import PIECE_BYTES_MAX, read_remote_card
from tests.server.models.assemble import FLOAT32, INT32, STRING, Gguf, Tensor, array

WORDS = 150_000


class Remote:
    """A file that counts what is read of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.read = 0
        self.requests = 0

    @property
    def file(self) -> File:
        return File(path="a.gguf", name="a.gguf", size=len(self.content), sha256="a" * 64)

    def range(self, path: str, begin: int, length: int) -> bytes:
        assert path == "a.gguf"
        piece = self.content[begin : begin + length]
        self.read += len(piece)
        self.requests += 1
        return piece


def test_the_card_is_that_of_the_same_file_on_the_disk(tmp_path: Path) -> None:
    remote = Remote(Gguf().content())

    card = read_remote_card([remote.file], remote.range)

    here = read_header(Gguf().write(tmp_path / "a.gguf"))
    assert replace(card, path="") == replace(here, path="")


def test_of_a_large_vocabulary_little_more_than_the_header_is_read() -> None:
    model = Gguf()
    model.keys[-1] = array("tokenizer.ggml.tokens", STRING, [f"w{n:06}" for n in range(WORDS)])
    model.keys.append(array("tokenizer.ggml.scores", FLOAT32, [0.0] * WORDS))
    model.keys.append(array("tokenizer.ggml.token_type", INT32, [1] * WORDS))
    model.tensors.append(Tensor("blk.0.large.weight", (32, 32_768)))
    header = len(model.header())
    remote = Remote(model.content() + bytes(16 * PIECE_BYTES_MAX))

    card = read_remote_card([remote.file], remote.range)

    assert card.vocabulary == WORDS
    assert header > 3_000_000
    assert remote.read <= header + PIECE_BYTES_MAX
    assert remote.requests <= 8


def test_a_file_that_is_announced_shorter_than_its_tensors_is_refused() -> None:
    remote = Remote(Gguf().content())
    file = replace(remote.file, size=len(remote.content) - 1)

    with pytest.raises(ModelFileInvalid, match="cut off"):
        read_remote_card([file], remote.range)


def test_a_hub_that_sends_nothing_is_an_error_and_no_endless_loop() -> None:
    remote = Remote(Gguf().content())

    with pytest.raises(OSError, match="nothing"):
        read_remote_card([remote.file], lambda *_: b"")
