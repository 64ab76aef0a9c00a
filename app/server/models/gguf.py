"""GGUF: reads what a model file says of itself, defensively, before any C code sees the file.

Format: magic, version, counts; key-value pairs; tensor entries; padding; tensor data. All numbers
are little endian. Only the part before the data is read. Each check below stands for a way in which
a wrong file crashed or confused a loader: announced lengths that wrap when multiplied, types that
index past a table, alignments of 0, shapes that overflow, data that lies past the end of the file.

Source: ggml/docs/gguf.md, gguf.cpp and llama-model-loader.cpp of llama-cpp-python 0.3.36; the rules
are at least as strict as theirs.
"""

import os
import stat
import struct
from pathlib import Path
from typing import BinaryIO, Final

from app.core.base.errors import ModelFileInvalid
from app.core.models.card import ModelCard
from app.core.models.describe import INFILL_WORDS, card_of
from app.core.models.header import LAYERS_MAX, REMEDY, Counted, Header, TensorEntry, Value
from app.core.models.quant import NUMBER_TYPES, REMOVED_TYPES
from app.server.models.cursor import Cursor
from app.server.models.found import status_of
from app.server.models.shards import shard_of

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)

KEYS_MAX: Final = 16_384
"""Key-value pairs; real files have fewer than 200."""

KEY_BYTES_MAX: Final = 1024
"""The format allows 65,535; real keys have fewer than 100."""

TENSORS_MAX: Final = 65_536
"""Far above llama.cpp's most: 512 layers of some 50 tensors."""

TENSOR_NAME_BYTES_MAX: Final = 63
"""GGML_MAX_NAME less its closing zero."""

DIMENSIONS_MAX: Final = 4
ELEMENTS_MAX: Final = 2**48
"""Numbers in one tensor. Their bytes then stay far from where 64 bits wrap."""

ALIGNMENT_DEFAULT: Final = 32
ALIGNMENT_MIN: Final = 8
ALIGNMENT_MAX: Final = 2**20
"""Files align to 32, a few to a page; absurd ones would push the data past any file."""

TEXT_KEPT_MAX: Final = 2**20
"""Bytes of a text that is kept; longer ones are only counted. Chat templates have 20 kB."""

_UINT8, _INT8, _UINT16, _INT16, _UINT32, _INT32, _FLOAT32, _BOOL = range(8)
_STRING, _ARRAY, _UINT64, _INT64, _FLOAT64 = range(8, 13)
_SIZES: Final = {
    _UINT8: 1,
    _INT8: 1,
    _UINT16: 2,
    _INT16: 2,
    _UINT32: 4,
    _INT32: 4,
    _FLOAT32: 4,
    _BOOL: 1,
    _UINT64: 8,
    _INT64: 8,
    _FLOAT64: 8,
}
_SIGNED: Final = frozenset({_INT8, _INT16, _INT32, _INT64})
_FLOATS: Final = {_FLOAT32: struct.Struct("<f"), _FLOAT64: struct.Struct("<d")}

_WANTED_WORDS: Final = {word.encode(): word for words in INFILL_WORDS for word in words}

_TYPES_LLAMA_EXPECTS: Final = {
    "general.alignment": _UINT32,
    "split.no": _UINT16,
    "split.count": _UINT16,
}
"""Keys whose C reader aborts the process on another type, rather than reporting it."""

_OTHER_BEGINNINGS: Final = (
    (b"version https://git-lfs", "it is a Git LFS pointer; the model itself was not downloaded"),
    (b"<!DOCTYPE", "it is a web page; the download gave an error page"),
    (b"<html", "it is a web page; the download gave an error page"),
    (b"lmgg", "it is a GGML file of 2023, which llama.cpp no longer reads"),
    (b"fmgg", "it is a GGMF file of 2023, which llama.cpp no longer reads"),
    (b"tjgg", "it is a GGJT file of 2023, which llama.cpp no longer reads"),
    (b"PK\x03\x04", "it is a zip archive or a PyTorch file"),
)


def read_header(path: Path) -> ModelCard:
    """The card of the model at `path`, whose other shards must lie beside it.

    Any shard's path serves. Reads a few hundred kilobytes, or the vocabulary's size.
    Raises: ModelFileInvalid, with the reason and the place in the file.
    """
    header = read_file(path)
    count = header.number("split.count") or 0
    return card_of([header] if count <= 1 else _read_shards(path, header, count))


def read_file(path: Path) -> Header:
    """The header of one file, checked by itself. Raises: ModelFileInvalid."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _refusal(repr(name), "its name is not valid Unicode; rename it") from None
    try:
        # Asked before opening, since opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _refusal(name, "it is not a file")
        with path.open("rb") as file:
            return parse(file, name, os.fstat(file.fileno()).st_size)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refusal(name, f"it cannot be read: {reason}") from error


def _read_shards(path: Path, header: Header, count: int) -> list[Header]:
    """All headers of the split model that `header`, of the file at `path`, is one of."""
    shard = shard_of(path.name)
    if shard is None or shard.count != count:
        raise header.refuse(
            f"it is one of {count} parts, which llama.cpp finds by names that end in "
            f"-00001-of-{count:05}.gguf; give it its name back"
        )
    paths = [path.with_name(sibling.name) for sibling in shard.siblings()]
    missing = [part.name for part in paths if status_of(part) is None]
    if missing:
        raise header.refuse(f"{len(missing)} of its {count} parts are missing: {missing[0]}")
    headers = [header if part == path else read_file(part) for part in paths]
    names: set[str] = set()
    for index, part in enumerate(headers):
        if part.number("split.no") != index:
            raise part.refuse(f"it says to be part {part.number('split.no')}, not {index}")
        names.update(tensor.name for tensor in part.tensors)
    listed = sum(len(part.tensors) for part in headers)
    if len(names) != listed:
        raise header.refuse("two of its parts hold tensors of the same name")
    expected = headers[0].number("split.tensors.count")
    if expected is not None and expected != listed:
        raise header.refuse(f"its parts hold {listed} tensors, not {expected}")
    return headers


def _check_beginning(name: str, beginning: bytes) -> None:
    if beginning.startswith(MAGIC):
        return
    if not beginning:
        raise _refusal(name, "it is empty")
    for other, reason in _OTHER_BEGINNINGS:
        if beginning.lower().startswith(other.lower()):
            raise _refusal(name, reason)
    raise _refusal(name, f"it begins with {beginning[:4]!r} and is no GGUF file")


def _refusal(name: str, reason: str) -> ModelFileInvalid:
    return ModelFileInvalid(f"{name}: {reason}", remedy=REMEDY)


def parse(file: BinaryIO, name: str, size: int) -> Header:
    """The header in an open file of `size` bytes; `name` stands in messages.

    Raises: ModelFileInvalid.
    """
    _check_beginning(name, file.read(32))
    cursor = Cursor(file, name, size)
    cursor.skip(len(MAGIC))
    _check_version(cursor)
    tensor_count = cursor.uint64()
    if tensor_count > TENSORS_MAX:
        cursor.refuse(f"it claims {tensor_count} tensors; at most {TENSORS_MAX} are allowed")
    key_count = cursor.uint64()
    if key_count > KEYS_MAX:
        cursor.refuse(f"it claims {key_count} keys; at most {KEYS_MAX} are allowed")
    metadata, marked = _read_metadata(cursor, key_count)
    alignment = _alignment(cursor, metadata)
    tensors = _read_tensors(cursor, tensor_count, alignment)
    _check_data(cursor, tensors, alignment, size)
    return Header(name, size, metadata, tuple(tensors), marked)


def pairs_of(file: BinaryIO, name: str, size: int) -> list[tuple[str, int, int]]:
    """Where each key with its value begins and ends, in the order of the file.

    Of a file that `parse` accepts. Raises: ModelFileInvalid when it changed since.
    """
    cursor = Cursor(file, name, size)
    cursor.skip(len(MAGIC) + 12)
    places = []
    for _ in range(min(cursor.uint64(), KEYS_MAX)):
        begin = cursor.offset
        key = cursor.string(longest=KEY_BYTES_MAX, what="a key")
        kind = cursor.uint32()
        if kind == _ARRAY:
            _read_array(cursor, frozenset())
        else:
            _read_scalar(cursor, kind)
        places.append((key.decode(errors="backslashreplace"), begin, cursor.offset))
    return places


def _check_version(cursor: Cursor) -> None:
    version = cursor.uint32()
    if version in VERSIONS:
        return
    if version and version & 0xFFFF == 0:
        cursor.refuse("it is written for big-endian machines")
    if version == 1:
        cursor.refuse("it is GGUF version 1, which llama.cpp no longer reads")
    cursor.refuse(f"it is GGUF version {version}; this program reads versions 2 and 3")


def _read_metadata(cursor: Cursor, count: int) -> tuple[dict[str, Value], frozenset[str]]:
    """The key-value pairs, and the wanted words that the vocabulary has."""
    metadata: dict[str, Value] = {}
    marked: frozenset[str] = frozenset()
    for _ in range(count):
        begin = cursor.offset
        written = cursor.string(longest=KEY_BYTES_MAX, what="a key")
        key = written.decode(errors="backslashreplace")
        if not key:
            cursor.refuse("a key is empty", begin)
        if key in metadata:
            cursor.refuse(f"the key {key!r} stands there twice", begin)
        kind = cursor.uint32()
        if _TYPES_LLAMA_EXPECTS.get(key, kind) != kind:
            cursor.refuse(f"the key {key!r} has a wrong type, {kind}", begin)
        if kind != _ARRAY:
            metadata[key] = _read_scalar(cursor, kind)
            continue
        wanted = frozenset(_WANTED_WORDS) if key == "tokenizer.ggml.tokens" else frozenset[bytes]()
        metadata[key], found = _read_array(cursor, wanted)
        marked |= {_WANTED_WORDS[word] for word in found}
    return metadata, marked


def _read_scalar(cursor: Cursor, kind: int) -> Value:
    if kind == _STRING:
        length = cursor.uint64()
        if length <= TEXT_KEPT_MAX:
            return cursor.take(length).decode(errors="replace")
        cursor.skip(length)
        return Counted(length, is_array=False)
    if kind == _BOOL:
        return cursor.integer(1) != 0
    if kind in _FLOATS:
        return float(_FLOATS[kind].unpack(cursor.take(_SIZES[kind]))[0])
    if kind not in _SIZES:
        cursor.refuse(f"a value has the unknown type {kind}")
    return cursor.integer(_SIZES[kind], signed=kind in _SIGNED)


def _read_array(cursor: Cursor, wanted: frozenset[bytes]) -> tuple[Value, set[bytes]]:
    """A short list of numbers whole, any other by its length; and which strings were wanted."""
    begin = cursor.offset
    kind = cursor.uint32()
    count = cursor.uint64()
    if kind == _STRING:
        return Counted(count), cursor.skip_strings(count, wanted)
    if kind not in _SIZES:
        cursor.refuse(f"a list has entries of type {kind}, which llama.cpp does not read", begin)
    if count <= LAYERS_MAX:
        return tuple(_read_number(cursor, kind) for _ in range(count)), set()
    cursor.skip(count * _SIZES[kind])
    return Counted(count), set()


def _read_number(cursor: Cursor, kind: int) -> int | float | bool:
    value = _read_scalar(cursor, kind)
    assert isinstance(value, int | float)
    return value


def _alignment(cursor: Cursor, metadata: dict[str, Value]) -> int:
    value = metadata.get("general.alignment", ALIGNMENT_DEFAULT)
    assert isinstance(value, int), "its type was checked when it was read"
    if value & (value - 1) or not ALIGNMENT_MIN <= value <= ALIGNMENT_MAX:
        cursor.refuse(
            f"its alignment is {value}, not a power of two from {ALIGNMENT_MIN} to {ALIGNMENT_MAX}"
        )
    return value


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> list[TensorEntry]:
    """The list of tensors, whose data must follow each other as llama.cpp demands."""
    tensors: list[TensorEntry] = []
    names: set[bytes] = set()
    expected = 0
    for _ in range(count):
        begin = cursor.offset
        name = cursor.string(longest=TENSOR_NAME_BYTES_MAX, what="a tensor's name")
        if name in names:
            cursor.refuse(f"two tensors are named {name!r}", begin)
        names.add(name)
        tensor = _read_tensor(cursor, name)
        offset = cursor.uint64()
        if offset != expected:
            cursor.refuse(f"tensor {name!r} is said to lie at {offset}, not at {expected}", begin)
        tensors.append(tensor)
        expected += _padded(tensor.size_bytes, alignment)
    return tensors


def _read_tensor(cursor: Cursor, name: bytes) -> TensorEntry:
    """Shape and type, up to the offset."""
    begin = cursor.offset
    dimensions = cursor.uint32()
    if dimensions > DIMENSIONS_MAX:
        cursor.refuse(f"tensor {name!r} has {dimensions} dimensions", begin)
    row, elements = 1, 1
    for index in range(dimensions):
        length = cursor.uint64()
        elements *= length
        if not 0 < elements <= ELEMENTS_MAX:
            cursor.refuse(f"tensor {name!r} has an impossible length, {length}", begin)
        row = length if index == 0 else row
    kind = cursor.uint32()
    if kind in REMOVED_TYPES:
        cursor.refuse(f"tensor {name!r} is of a number type, {kind}, that llama.cpp removed", begin)
    if kind not in NUMBER_TYPES:
        cursor.refuse(f"tensor {name!r} is of the unknown number type {kind}", begin)
    number_type = NUMBER_TYPES[kind]
    if row % number_type.elements:
        cursor.refuse(
            f"tensor {name!r} has rows of {row} numbers, which {number_type.word} cannot store",
            begin,
        )
    text = name.decode(errors="backslashreplace")
    return TensorEntry(text, kind, elements, number_type.size(elements))


def _check_data(
    cursor: Cursor, tensors: list[TensorEntry], alignment: int, file_bytes: int
) -> None:
    """Refuses a file that ends before its tensors do."""
    if not tensors:
        return
    begin = _padded(cursor.offset, alignment)
    end = begin + sum(_padded(tensor.size_bytes, alignment) for tensor in tensors[:-1])
    end += tensors[-1].size_bytes
    if end > file_bytes:
        cursor.refuse(
            f"the file is cut off: {end - file_bytes} of {end} bytes are missing", file_bytes
        )


def _padded(size: int, alignment: int) -> int:
    return (size + alignment - 1) // alignment * alignment
