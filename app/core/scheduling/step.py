"""Step: what one call of the backend does, as plain data.

A step is its moves, in order, then its rows in one decode call. The scheduler writes it, the
backend carries it out, and nobody else touches the memory of the model.
"""

from dataclasses import dataclass
from typing import final

from app.core.base.ids import Slot


@final
@dataclass(frozen=True, slots=True)
class Copy:
    """The first `length` cells of `source` become also `target`'s. Costs no cells."""

    source: Slot
    target: Slot
    length: int


@final
@dataclass(frozen=True, slots=True)
class Trim:
    """`slot` forgets all from position `length` on; 0 forgets it wholly."""

    slot: Slot
    length: int


@final
@dataclass(frozen=True, slots=True)
class Save:
    """The state of `slot` is copied to RAM under `key`, then the slot is forgotten."""

    slot: Slot
    key: int


@final
@dataclass(frozen=True, slots=True)
class Restore:
    """The state saved under `key` comes back into `slot`, and the copy in RAM is freed."""

    slot: Slot
    key: int


@final
@dataclass(frozen=True, slots=True)
class Discard:
    """The state saved under `key` is not needed any more."""

    key: int


Move = Copy | Trim | Save | Restore | Discard


@final
@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one sequence in a decode call, at consecutive positions from `position`.

    `logits` counts the trailing tokens whose logits are wanted: 0 within a prefill, 1 to sample,
    1 + draft length to verify a draft.
    """

    sequence: int
    slot: Slot
    position: int
    tokens: list[int]
    logits: int


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One call of the backend; falsy when there is nothing to do."""

    moves: list[Move]
    rows: list[Row]

    def __bool__(self) -> bool:
        return bool(self.moves or self.rows)

    @property
    def tokens(self) -> int:
        """Tokens computed by the decode call."""
        return sum(len(row.tokens) for row in self.rows)
