"""Quant: the number types of ggml, how many bytes they take, and the words people use for them.

A tensor is stored as rows of blocks: `elements` numbers share `bytes` bytes, and a row must be a
whole number of blocks. Source: ggml.h (enum ggml_type), ggml-common.h (block sizes), llama.h (enum
llama_ftype), llama.cpp of llama-cpp-python 0.3.36; a test compares the table with the library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class NumberType:
    """One ggml type: a block of `elements` numbers in `bytes` bytes."""

    word: str
    elements: int
    bytes: int

    def size(self, count: int) -> int:
        """Bytes of a row of `count` numbers; `count` is a whole number of blocks."""
        return count // self.elements * self.bytes

    @property
    def bits(self) -> float:
        """Bits for each number, scales included."""
        return 8 * self.bytes / self.elements


NUMBER_TYPES: Final[Mapping[int, NumberType]] = {
    0: NumberType("F32", 1, 4),
    1: NumberType("F16", 1, 2),
    2: NumberType("Q4_0", 32, 18),
    3: NumberType("Q4_1", 32, 20),
    6: NumberType("Q5_0", 32, 22),
    7: NumberType("Q5_1", 32, 24),
    8: NumberType("Q8_0", 32, 34),
    9: NumberType("Q8_1", 32, 36),
    10: NumberType("Q2_K", 256, 84),
    11: NumberType("Q3_K", 256, 110),
    12: NumberType("Q4_K", 256, 144),
    13: NumberType("Q5_K", 256, 176),
    14: NumberType("Q6_K", 256, 210),
    15: NumberType("Q8_K", 256, 292),
    16: NumberType("IQ2_XXS", 256, 66),
    17: NumberType("IQ2_XS", 256, 74),
    18: NumberType("IQ3_XXS", 256, 98),
    19: NumberType("IQ1_S", 256, 50),
    20: NumberType("IQ4_NL", 32, 18),
    21: NumberType("IQ3_S", 256, 110),
    22: NumberType("IQ2_S", 256, 82),
    23: NumberType("IQ4_XS", 256, 136),
    24: NumberType("I8", 1, 1),
    25: NumberType("I16", 1, 2),
    26: NumberType("I32", 1, 4),
    27: NumberType("I64", 1, 8),
    28: NumberType("F64", 1, 8),
    29: NumberType("IQ1_M", 256, 56),
    30: NumberType("BF16", 1, 2),
    34: NumberType("TQ1_0", 256, 54),
    35: NumberType("TQ2_0", 256, 66),
    39: NumberType("MXFP4", 32, 17),
    40: NumberType("NVFP4", 64, 36),
    41: NumberType("Q1_0", 128, 18),
    42: NumberType("Q2_0", 64, 18),
}

REMOVED_TYPES: Final[frozenset[int]] = frozenset({4, 5, 31, 32, 33, 36, 37, 38})
"""Numbers of types that older files have and llama.cpp no longer reads."""

CACHE_TYPES: Final[Mapping[str, NumberType]] = {
    kind.word.lower(): kind
    for kind in NUMBER_TYPES.values()
    if kind.word in {"F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL"}
}
"""What keys and values of the KV cache may be stored as, by the word of the settings."""

FILE_TYPES: Final[Mapping[int, str]] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""`general.file_type`: the recipe by which a file was quantised."""

BITS: Final[Mapping[str, float]] = {
    "F32": 32.0,
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.6,
    "Q5_1": 6.0,
    "Q5_K_M": 5.7,
    "Q5_K_S": 5.5,
    "Q5_0": 5.5,
    "Q4_1": 5.0,
    "Q4_K_M": 4.9,
    "Q4_K_S": 4.6,
    "Q4_0": 4.5,
    "IQ4_NL": 4.5,
    "NVFP4": 4.5,
    "Q3_K_L": 4.3,
    "MXFP4": 4.25,
    "IQ4_XS": 4.25,
    "Q3_K_M": 3.9,
    "IQ3_M": 3.7,
    "Q3_K_S": 3.5,
    "IQ3_S": 3.5,
    "IQ3_XS": 3.3,
    "IQ3_XXS": 3.1,
    "Q2_K": 3.0,
    "Q2_K_S": 2.8,
    "IQ2_M": 2.7,
    "IQ2_S": 2.5,
    "IQ2_XS": 2.3,
    "Q2_0": 2.25,
    "IQ2_XXS": 2.1,
    "TQ2_0": 2.1,
    "IQ1_M": 1.75,
    "TQ1_0": 1.7,
    "IQ1_S": 1.6,
    "Q1_0": 1.1,
}
"""Typical bits a weight over a whole file, since recipes mix types; largest first."""

_COMMON_RECIPES: Final = (
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "Q4_K_S",
    "IQ4_XS",
    "Q3_K_M",
    "Q2_K",
    "IQ2_M",
)


def quantisation(file_type: int | None, bytes_by_type: Mapping[int, int]) -> str:
    """The word for a file: its recipe's, else the type that takes most of its bytes, else ""."""
    if file_type is not None and file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    if not bytes_by_type:
        return ""
    dominant = max(bytes_by_type, key=lambda kind: (bytes_by_type[kind], -kind))
    return NUMBER_TYPES[dominant].word


def smaller_recipe(bits_now: float, ratio: float) -> str | None:
    """The best common recipe that brings a file to `ratio` of its size; None if none is so small.

    `bits_now` is what a weight takes now.
    """
    for word in _COMMON_RECIPES:
        if BITS[word] < bits_now and BITS[word] <= bits_now * ratio:
            return word
    return None
