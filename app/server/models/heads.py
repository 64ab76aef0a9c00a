"""Heads: what a host must have of a model to count its tokens, without the gigabytes of weights.

A head is a GGUF file of its own: the model's keys, with vocabulary and chat template, no tensors,
and three keys of ours that tell which content it is of and what its card says. A few megabytes,
an ordinary file that can be copied anywhere; llama.cpp loads it as a vocabulary, as it does the
files with which it tests its tokenisers. Keys that name further parts are left out: they are not
there. A toy is its own head.

Rule: whose head it is, is what the one who made it says. A host takes heads from its operator only.
"""

import contextlib
import os
import re
import struct
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, final

import msgspec

from app.core.base.errors import ModelFileInvalid
from app.core.models.card import ModelCard
from app.core.models.header import REMEDY, Header
from app.server.models import toy
from app.server.models.found import Part, part_of
from app.server.models.gguf import MAGIC, pairs_of, parse, read_file, read_header
from app.server.models.hashing import FileChanged, sha256_of
from app.server.models.identity import joined

VERSION: Final = 1

_VERSION_KEY: Final = "athanor.head.version"
_SHA256_KEY: Final = "athanor.head.sha256"
_CARD_KEY: Final = "athanor.head.card"
_OURS: Final = "athanor.head."
_PARTS: Final = "split."
_VOCABULARY_KEY: Final = "tokenizer.ggml.model"

_GGUF_VERSION: Final = 3
_UINT32: Final = 4
_STRING: Final = 8
_COPY_BYTES: Final = 1 << 20
_PADDING: Final = bytes(32)
"""The file ends where tensors would begin; no reader minds that it is not aligned to more."""

_SHA256: Final = re.compile("[0-9a-f]{64}")
_SUFFIX: Final = ".gguf"


@final
class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A head on this disk. The card is of the whole model; its path is the head's."""

    path: Path
    sha256: str
    """Of the model, as the library names its content; of all parts where there are several."""
    card: ModelCard


def make_head(
    source: Path,
    folder: Path,
    *,
    on_bytes: Callable[[int], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Head:
    """The head of the model at `source`, put into `folder` under the name of its content.

    Reads all of the model to know its digest; `on_bytes` is told how much so far. Blocks. Raises:
    ModelFileInvalid; FileChanged and HashingStopped (hashing.py); OSError.
    """
    card = toy.read_toy(source) if source.suffix == toy.SUFFIX else read_header(source)
    parts = tuple(map(Path, card.shards)) or (Path(card.path),)
    stamps = [part_of(part.stat()) for part in parts]
    sha256 = _digest(parts, stamps, on_bytes, is_stopped)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if source.suffix == toy.SUFFIX:
        target = folder / f"{sha256}{toy.SUFFIX}"
        _put(target, lambda file: file.write(source.read_bytes()))
    else:
        target = folder / f"{sha256}{_SUFFIX}"
        _put(target, lambda file: _write(file, parts[0], sha256, card))
    if [part_of(part.stat()) for part in parts] != stamps:
        target.unlink()
        raise FileChanged
    return read_head(target)


def _digest(
    parts: Sequence[Path],
    stamps: Sequence[Part],
    on_bytes: Callable[[int], None],
    is_stopped: Callable[[], bool],
) -> str:
    """The SHA-256 of the content. Raises: as sha256_of."""
    digests: list[str] = []
    before = 0

    def on_more(count: int) -> None:
        on_bytes(before + count)

    for part, stamp in zip(parts, stamps, strict=True):
        digests.append(sha256_of(part, stamp, on_bytes=on_more, is_stopped=is_stopped))
        before += stamp[0]
    return joined(digests)


def read_head(path: Path) -> Head:
    """The head at `path`. Raises: ModelFileInvalid when it is none."""
    if path.suffix == toy.SUFFIX:
        card = toy.read_toy(path)
        return Head(path=path, sha256=path.stem, card=card)
    header = read_file(path)
    sha256 = header.text(_SHA256_KEY)
    if sha256 is None:
        raise header.refuse("it is no head of a model", "Make one with `athanor pool models add`.")
    if header.number(_VERSION_KEY) != VERSION:
        raise header.refuse("its head was made by another version", "Make it again.")
    if not _SHA256.fullmatch(sha256):
        raise header.refuse("its head names no SHA-256")
    _check_vocabulary(header)
    try:
        card = msgspec.json.decode(header.text(_CARD_KEY) or "", type=ModelCard)
    except msgspec.DecodeError as error:
        raise header.refuse("its head has a card that makes no sense") from error
    return Head(path=path, sha256=sha256, card=msgspec.structs.replace(card, path=str(path)))


def heads_in(folder: Path) -> tuple[dict[str, Head], list[ModelFileInvalid]]:
    """The heads in a folder by their models' SHA-256, and why other files there are none."""
    found: dict[str, Head] = {}
    refused = []
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if path.name.startswith(".") or path.suffix not in (_SUFFIX, toy.SUFFIX):
            continue
        try:
            head = read_head(path)
        except ModelFileInvalid as error:
            refused.append(error)
        else:
            found[head.sha256] = head
    return found, refused


def _check_vocabulary(header: Header) -> None:
    if header.text(_VOCABULARY_KEY) in (None, "", "no_vocab"):
        raise header.refuse("it holds no vocabulary, so nothing can be counted with it")


def _write(file: BinaryIO, source: Path, sha256: str, card: ModelCard) -> None:
    """The head of the file `source`, which is the model's first part."""
    card = msgspec.structs.replace(card, path="", shards=())
    with source.open("rb") as whole:
        size = os.fstat(whole.fileno()).st_size
        header = parse(whole, str(source), size)
        _check_vocabulary(header)
        kept = [
            (begin, end)
            for key, begin, end in pairs_of(whole, str(source), size)
            if not key.startswith((_OURS, _PARTS))
        ]
        file.write(MAGIC + struct.pack("<IQQ", _GGUF_VERSION, 0, len(kept) + 3))
        for begin, end in kept:
            _copy(whole, file, begin, end - begin, header)
    file.write(_key(_VERSION_KEY, _UINT32) + struct.pack("<I", VERSION))
    for key, text in ((_SHA256_KEY, sha256.encode()), (_CARD_KEY, msgspec.json.encode(card))):
        file.write(_key(key, _STRING) + struct.pack("<Q", len(text)) + text)
    file.write(_PADDING)


def _key(key: str, kind: int) -> bytes:
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind)


def _copy(source: BinaryIO, target: BinaryIO, begin: int, count: int, header: Header) -> None:
    source.seek(begin)
    while count:
        data = source.read(min(count, _COPY_BYTES))
        if not data:
            raise header.refuse("the file became shorter while it was read", REMEDY)
        target.write(data)
        count -= len(data)


def _put(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Whole, or not at all, also when the machine stops meanwhile."""
    descriptor, name = tempfile.mkstemp(prefix=".head.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
