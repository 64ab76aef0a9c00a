"""For which NVIDIA GPUs the CUDA module is compiled, and which of that a pack may promise.

"real" is code of one generation; "virtual" is PTX, which the driver compiles for any card that is
no older, at its first start. CUDA 13 knows no card before the RTX 20.
"""

from collections.abc import Iterator
from typing import Final

ARCHITECTURES: Final = "75-virtual;80-virtual;86-real;89-real;90-virtual;120-real;120-virtual"
"""For CMake: code for the cards of home PCs (RTX 30, 40, 50); all others by the driver."""


def real() -> tuple[str, ...]:
    """Compute capabilities of the code that runs as it is, such as "8.6"."""
    return tuple(_of("real"))


def virtual() -> tuple[str, ...]:
    """Compute capabilities of what the driver compiles."""
    return tuple(_of("virtual"))


def _of(kind: str) -> Iterator[str]:
    for each in ARCHITECTURES.split(";"):
        number, _, its_kind = each.partition("-")
        if its_kind == kind:
            yield f"{number[:-1]}.{number[-1]}"
