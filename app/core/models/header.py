"""Header: what a GGUF file says of itself, as plain values without a file behind them.

The reader (server/models/gguf.py) makes it and has checked the format; what the values mean is
decided from here on. Arrays that are only counted, such as the vocabulary, are `Counted`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from app.core.base.errors import ModelFileInvalid

LAYERS_MAX: Final = 512
"""llama.cpp aborts past it (LLAMA_MAX_LAYERS)."""

UINT32_MAX: Final = 2**32 - 1

REMEDY: Final = "Download the file again, or choose another one."
"""For a file that is damaged or was written wrongly."""


@final
@dataclass(frozen=True, slots=True)
class Counted:
    """An array, or a long text, of which only the length was kept."""

    count: int
    is_array: bool = True


Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...] | Counted


@final
@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as listed: its ggml type, how many numbers and how many bytes."""

    name: str
    type: int
    elements: int
    size_bytes: int


@final
@dataclass(frozen=True, slots=True)
class Header:
    """One file's metadata and tensors.

    The getters return None for what is missing. Raises (each): ModelFileInvalid, when the value
    is of another type than llama.cpp expects.
    """

    path: str
    file_bytes: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorEntry, ...]
    marked_words: frozenset[str] = field(default=frozenset())
    """Those of the reader's wanted vocabulary words that the vocabulary has."""

    @property
    def architecture(self) -> str:
        """llama.cpp's word for the network, such as `llama`; it prefixes the keys of its shape."""
        return self.text("general.architecture") or ""

    def text(self, key: str) -> str | None:
        """A string."""
        value = self.metadata.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "a text")

    def remark(self, key: str) -> str:
        """A text that only informs, and may be missing or of any type: "" then."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """A whole number from 0 to 2^32 - 1, as llama.cpp reads nearly all of them."""
        value = self.metadata.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number")
        if not 0 <= value <= UINT32_MAX:
            raise self._wrong(key, f"from 0 to {UINT32_MAX}, not {value}")
        return value

    def claim(self, key: str) -> bool | None:
        """A boolean."""
        value = self.metadata.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(key, "true or false")

    def count(self, key: str) -> int | None:
        """How many entries an array has."""
        value = self.metadata.get(key)
        if value is None:
            return None
        if isinstance(value, tuple):
            return len(value)
        if isinstance(value, Counted) and value.is_array:
            return value.count
        raise self._wrong(key, "a list")

    def per_layer(self, key: str, layers: int) -> tuple[int, ...] | None:
        """`layers` whole numbers, from one for all or one for each."""
        value = self.metadata.get(key)
        if value is None:
            return None
        if isinstance(value, Counted):
            raise self._wrong(key, f"one number, or {layers}, not {value.count}")
        if not isinstance(value, tuple):
            number = self.number(key)
            assert number is not None
            return (number,) * layers
        if len(value) != layers:
            raise self._wrong(key, f"a list of {layers} numbers, not {len(value)}")
        numbers = tuple(int(one) for one in value if isinstance(one, int))
        if len(numbers) != layers or not all(0 <= one <= UINT32_MAX for one in numbers):
            raise self._wrong(key, f"a list of {layers} whole numbers, none negative")
        return numbers

    def refuse(self, reason: str, remedy: str = REMEDY) -> ModelFileInvalid:
        """The error that says why this file is not a model to load."""
        return ModelFileInvalid(f"{self.path}: {reason}", remedy=remedy)

    def _wrong(self, key: str, expected: str) -> ModelFileInvalid:
        return self.refuse(f"the key {key!r} must be {expected}")
