"""Limits: what a loaded model allows its scheduler."""

from dataclasses import dataclass
from typing import Final, final

GUEST_CHUNK: Final = 128
"""Most prompt tokens of guests in one step. A step cannot be interrupted on a GPU, so this bounds
how long the owner waits for the next decode boundary."""

ANSWER_RESERVE: Final = 1024
"""Cells reserved for an answer without a limit, and again each time it outgrows them by
`GROWTH`. Reserving the whole context instead would run such requests one by one."""

GROWTH: Final = 256

SHARE_MIN: Final = 8
"""Tokens of a common beginning that are worth waiting for while another computes them."""


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes, in tokens unless the name says otherwise."""

    cells: int
    slots: int
    """llama.cpp sequence ids; more than `sequences`, the rest hold kept prefixes."""
    sequences: int
    """Running at once."""
    step_tokens: int
    can_trim: bool = True
    saved_cells_max: int = 0
    """Cells of parked sequences whose content may lie in RAM."""

    def __post_init__(self) -> None:
        assert self.slots > self.sequences > 0
        assert self.step_tokens >= self.sequences
