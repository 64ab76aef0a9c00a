"""Assemble: GGUF files byte by byte, so that any part of them can be wrong."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL = range(8)
STRING, ARRAY, UINT64, INT64, FLOAT64 = range(8, 13)
_FORMS = {
    UINT8: "<B",
    INT8: "<b",
    UINT16: "<H",
    INT16: "<h",
    UINT32: "<I",
    INT32: "<i",
    FLOAT32: "<f",
    BOOL: "<B",
    UINT64: "<Q",
    INT64: "<q",
    FLOAT64: "<d",
}


def string(text: str | bytes) -> bytes:
    """A length and the bytes."""
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content


def value(kind: int, content: object) -> bytes:
    """A scalar, without its type."""
    if kind == STRING:
        assert isinstance(content, str | bytes)
        return string(content)
    return struct.pack(_FORMS[kind], content)


def scalar(key: str, kind: int, content: object) -> bytes:
    """A key-value pair."""
    return string(key) + struct.pack("<I", kind) + value(kind, content)


def array(key: str, kind: int, contents: Sequence[object], *, count: int | None = None) -> bytes:
    """A key-value pair of a list; `count` overrides the length that is written."""
    written = b"".join(value(kind, one) for one in contents)
    length = len(contents) if count is None else count
    return string(key) + struct.pack("<IIQ", ARRAY, kind, length) + written


@dataclass
class Tensor:
    """One entry of the tensor list. `offset` None is where it belongs."""

    name: str | bytes
    shape: tuple[int, ...]
    kind: int = 0
    offset: int | None = None
    dimensions: int | None = None
    size: int = 0
    """Bytes of its data; 0 computes it for F32."""


def _small_model() -> list[bytes]:
    return [
        scalar("general.architecture", STRING, "llama"),
        scalar("general.name", STRING, "Small"),
        scalar("llama.context_length", UINT32, 2048),
        scalar("llama.embedding_length", UINT32, 8),
        scalar("llama.block_count", UINT32, 1),
        scalar("llama.feed_forward_length", UINT32, 16),
        scalar("llama.attention.head_count", UINT32, 2),
        array("tokenizer.ggml.tokens", STRING, ["a", "b", "c"]),
    ]


def _small_tensors() -> list[Tensor]:
    return [
        Tensor("token_embd.weight", (8, 3)),
        Tensor("blk.0.attn_q.weight", (8, 8)),
        Tensor("output_norm.weight", (8,)),
    ]


@dataclass
class Gguf:
    """A whole file; by default a valid model of one layer."""

    keys: list[bytes] = field(default_factory=_small_model)
    tensors: list[Tensor] = field(default_factory=_small_tensors)
    magic: bytes = b"GGUF"
    version: int = 3
    tensor_count: int | None = None
    key_count: int | None = None
    alignment: int = 32

    def header(self) -> bytes:
        """All before the padding."""
        tensors = len(self.tensors) if self.tensor_count is None else self.tensor_count
        keys = len(self.keys) if self.key_count is None else self.key_count
        parts = [self.magic, struct.pack("<IQQ", self.version, tensors, keys), *self.keys]
        offset = 0
        for tensor in self.tensors:
            dimensions = len(tensor.shape) if tensor.dimensions is None else tensor.dimensions
            place = offset if tensor.offset is None else tensor.offset
            parts.append(string(tensor.name) + struct.pack("<I", dimensions))
            parts.extend(struct.pack("<Q", length) for length in tensor.shape)
            parts.append(struct.pack("<IQ", tensor.kind & 0xFFFFFFFF, place))
            offset += self._padded(_size(tensor))
        return b"".join(parts)

    def content(self) -> bytes:
        """The whole file, its tensors full of zeros."""
        header = self.header()
        sizes = [_size(tensor) for tensor in self.tensors]
        data = sum(self._padded(size) for size in sizes[:-1]) + sum(sizes[-1:])
        return header.ljust(self._padded(len(header)), b"\0") + bytes(data)

    def write(self, path: Path) -> Path:
        """Writes it; the path."""
        path.write_bytes(self.content())
        return path

    def _padded(self, size: int) -> int:
        return (size + self.alignment - 1) // self.alignment * self.alignment


def _size(tensor: Tensor) -> int:
    size = 4
    for length in tensor.shape:
        size *= length
    return tensor.size or min(size, 1 << 20)
