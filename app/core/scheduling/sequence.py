"""Sequence: one answer on its way, as the scheduler sees it."""

import enum
from dataclasses import dataclass, field
from typing import final

from app.core.base.ids import Domain, Slot, Token


class Priority(enum.IntEnum):
    """Who goes first. Written out, since it crosses processes."""

    OWNER = 0
    GUEST = 1


class Phase(enum.Enum):
    """Where a sequence stands between its first and its last token."""

    WAITING = "waiting"
    """In the queue, never admitted."""
    RUNNING = "running"
    """Holds a slot and a reservation."""
    PARKED = "parked"
    """Was running, gave way to another; in the queue again with all its tokens."""


@final
@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens that are there and tokens that should be; a step moves the first closer to the second.

    Owned by the scheduler: others read it and change it through the scheduler's methods only.
    """

    id: int
    domain: Domain
    priority: Priority
    arrival: int
    """Order of coming; also the last word of every tie."""
    tokens: list[Token]
    """Prompt, then answer."""
    prompt_tokens: int
    tokens_max: int
    """Prompt and answer together can never be longer."""
    is_open_ended: bool
    """The caller set no limit: cells are reserved bit by bit instead of for the whole answer."""
    shares: bool = True
    """May use cells of others with the same beginning, and leave its own behind."""

    phase: Phase = Phase.WAITING
    slot: Slot | None = None
    computed: int = 0
    """Tokens in cells, from the first on."""
    reserved: int = 0
    """Cells it may come to fill without asking again; shared ones included."""
    cached: int = 0
    """Prompt tokens that needed no work when it was first admitted."""
    draft: list[Token] = field(default_factory=list)
    """Guessed tokens that the next step verifies."""
    waits_for: tuple[int, int] | None = None
    """(sequence, length): another is computing a beginning of this one's prompt up to length."""
    is_saved: bool = False
    """Parked with its cells' content in RAM."""

    @property
    def pending(self) -> int:
        """Tokens that should be in cells and are not: 1 when it decodes, more in prefill."""
        return len(self.tokens) - self.computed

    @property
    def is_prefill(self) -> bool:
        """Whether it has more to compute than the last sampled token."""
        return self.pending > 1 or len(self.tokens) == self.prompt_tokens
