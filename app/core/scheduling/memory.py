"""Memory: slots, cells and what is kept in them after an answer has ended.

The mechanism under the scheduler: it never decides who runs. Each change is made here in the
prefix tree and, as a Move, in the list that the next step carries to the backend; the two never
differ.

A kept sequence is a slot whose sequence ended (its beginning may serve another) or was parked (it
will go on). Kept ones cost nothing until their cells are wanted; then the least valuable goes: a
guest's before the owner's, an ended one's before a parked one's, the longest unused first. A parked
one's content is saved to RAM while there is room for it, else it is computed again later.
"""

from dataclasses import dataclass
from typing import final

from app.core.base.ids import Slot
from app.core.scheduling.limits import Limits
from app.core.scheduling.prefix import Match, PrefixTree
from app.core.scheduling.sequence import Priority, Sequence
from app.core.scheduling.step import Copy, Discard, Move, Restore, Save, Trim


@final
@dataclass(frozen=True, slots=True)
class _Kept:
    priority: Priority
    parked: Sequence | None
    used_at: int


@final
class Memory:
    """The slots and cells of one model. Every method leaves `used + free == cells`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.saved_cells = 0
        self._tree = PrefixTree()
        self._kept: dict[Slot, _Kept] = {}
        self._free = [Slot(n) for n in reversed(range(limits.slots))]
        self._moves: list[Move] = []
        self._uses = 0

    @property
    def used(self) -> int:
        """Cells that are filled, by running and kept sequences together."""
        return self._tree.used

    @property
    def free(self) -> int:
        """Cells that are empty."""
        return self.limits.cells - self._tree.used

    @property
    def prefixes(self) -> int:
        """Ended sequences that are kept for their beginnings."""
        return sum(kept.parked is None for kept in self._kept.values())

    def held(self, slots: list[Slot]) -> int:
        """Cells that these slots hold together."""
        return self._tree.covered(slots)

    def take_moves(self) -> list[Move]:
        """The moves since the last call, in order; the caller must carry them out."""
        moves, self._moves = self._moves, []
        return moves

    def match(self, sequence: Sequence) -> Match | None:
        """Where the longest beginning of the sequence lies; its last token is never part of it,
        because logits come only from computing it."""
        if not sequence.shares:
            return None
        whole = not self.limits.can_trim
        limit = len(sequence.tokens) - 1
        return self._tree.longest(sequence.domain, sequence.tokens, limit, whole=whole)

    def parked_slot(self, sequence: Sequence) -> Slot | None:
        """Where a parked sequence still lies on the device."""
        for slot, kept in self._kept.items():
            if kept.parked is sequence:
                return slot
        return None

    def begin(self, sequence: Sequence, match: Match | None) -> None:
        """Give the sequence a slot that holds what is known of it: its own from before it was
        parked, its content saved in RAM, the cells of `match`, or nothing.

        A slot must be free or a kept one droppable; cells are the caller's matter.
        """
        own = self.parked_slot(sequence)
        if own is not None:
            del self._kept[own]
            sequence.slot = own
            return
        slot = self._free_slot(match.slot if match else None)
        if sequence.is_saved:
            self._moves.append(Restore(slot, sequence.id))
            self._tree.open(slot, sequence.domain)
            self._tree.extend(slot, sequence.tokens[: sequence.computed])
            self.saved_cells -= sequence.computed
            sequence.is_saved = False
        elif match is not None:
            self._moves.append(Copy(match.slot, slot, match.length))
            self._tree.copy(match.slot, slot, match.length)
            self._touch(match.slot)
            sequence.computed = match.length
        else:
            self._tree.open(slot, sequence.domain)
            sequence.computed = 0
        sequence.slot = slot

    def extend(self, sequence: Sequence, computed: int, rejected: int) -> None:
        """The next `computed` tokens of the sequence are in cells; `rejected` drafts after them
        are there too and are forgotten."""
        assert sequence.slot is not None
        start = sequence.computed
        self._tree.extend(sequence.slot, sequence.tokens[start : start + computed])
        sequence.computed += computed
        assert self._tree.used <= self.limits.cells
        if rejected:
            self._moves.append(Trim(sequence.slot, sequence.computed))

    def keep(self, sequence: Sequence, *, is_parked: bool) -> None:
        """The sequence stops running; its cells stay until they are wanted."""
        slot = sequence.slot
        assert slot is not None
        sequence.slot = None
        is_worthless = not is_parked and (
            sequence.computed == 0 or (self.limits.can_trim and not self._tree.exclusive(slot))
        )
        if is_worthless:
            self._close(slot)
            return
        self._uses += 1
        self._kept[slot] = _Kept(
            sequence.priority, sequence if is_parked else None, used_at=self._uses
        )
        if self.limits.can_trim:
            for other in self._tree.ancestors(slot):
                kept = self._kept.get(other)
                if kept is not None and kept.parked is None:
                    self._drop(other)

    def release(self, sequence: Sequence) -> None:
        """The sequence ends and leaves nothing behind, wherever it stands."""
        slot = self.parked_slot(sequence) if sequence.slot is None else sequence.slot
        if slot is not None:
            self._kept.pop(slot, None)
            self._close(slot)
            sequence.slot = None
        if sequence.is_saved:
            self._moves.append(Discard(sequence.id))
            self.saved_cells -= sequence.computed
            sequence.is_saved = False

    def drop_one(self, *, spare: Slot | None = None) -> bool:
        """Give up the least valuable kept sequence but `spare`; False when there is none."""
        worst = min(
            (slot for slot in self._kept if slot != spare),
            key=lambda slot: self._worth(self._kept[slot]),
            default=None,
        )
        if worst is None:
            return False
        self._drop(worst)
        return True

    @staticmethod
    def _worth(kept: _Kept) -> tuple[bool, bool, int]:
        return (kept.parked is not None, kept.priority is Priority.OWNER, kept.used_at)

    def _free_slot(self, spare: Slot | None) -> Slot:
        if not self._free:
            dropped = self.drop_one(spare=spare)
            assert dropped, "slots outnumber running sequences, so one is kept"
        return self._free.pop()

    def _touch(self, slot: Slot) -> None:
        kept = self._kept.get(slot)
        if kept is not None:
            self._uses += 1
            self._kept[slot] = _Kept(kept.priority, kept.parked, self._uses)

    def _drop(self, slot: Slot) -> None:
        kept = self._kept.pop(slot)
        parked = kept.parked
        if parked is None:
            self._close(slot)
            return
        if self.saved_cells + parked.computed <= self.limits.saved_cells_max:
            self._moves.append(Save(slot, parked.id))
            self.saved_cells += parked.computed
            parked.is_saved = True
            self._tree.close(slot)
            self._free.append(slot)
        else:
            parked.computed = 0
            self._close(slot)

    def _close(self, slot: Slot) -> None:
        self._moves.append(Trim(slot, 0))
        self._tree.close(slot)
        self._free.append(slot)

    def check(self) -> None:
        """Assert what the header promises."""
        self._tree.check()
        assert 0 <= self.used <= self.limits.cells
        assert 0 <= self.saved_cells <= self.limits.saved_cells_max
