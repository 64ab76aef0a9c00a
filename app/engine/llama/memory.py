"""Memory: carries out a step's moves on llama.cpp's sequences.

Three kinds of memory behave differently:

- A plain KV cache can copy any beginning of a sequence and forget any end. Copies share cells.
- A recurrent or hybrid memory holds a state, good for the exact length of its sequence: `Copy`
  must be of the whole, and `Trim` to 0. The scheduler knows by `can_trim` and asks for nothing
  else.
- A cache with sliding-window layers gives the cells that have left the window of a sequence to
  whoever needs one, also when its size is full and others are free (find_slot in
  llama-kv-cache.cpp, 0.3.36). A shorter copy of that sequence would then miss its own window, and
  nothing says so. But a cell that belongs to two sequences is never given away. So each slot has a
  mirror, a second id that joins it in every token, every copy and every trim, and is never read.
  For the same reason its state is saved in parts of one window each: a state's cells outside the
  window of its end are left out.
"""

import ctypes
from typing import Any, Final

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from app.core.scheduling.step import Copy, Discard, Move, Restore, Save, Trim

SEQUENCES_MAX: Final = 256
"""LLAMA_MAX_SEQ: ids that a context can have."""

Saved = list[tuple[int, NDArray[np.uint8]]]
"""Parts of a state, each with the position where it begins."""


class Memory:
    """The sequences of one context. `window` past 0 means mirrors, see above."""

    def __init__(self, context: Any, slots: int, window: int) -> None:
        self.slots = slots
        self._context = context
        self._handle = llama.llama_get_memory(context)
        self._window = window
        self._saved: dict[int, Saved] = {}

    @property
    def mirror(self) -> int:
        """How far a slot's mirror lies from it; 0 without mirrors."""
        return self.slots if self._window else 0

    @staticmethod
    def slots_max(window: int) -> int:
        """Slots that the ids of a context suffice for."""
        return (SEQUENCES_MAX - 1) // 2 if window else SEQUENCES_MAX

    @staticmethod
    def ids(slots: int, window: int) -> int:
        """Sequence ids that the context must have: slots, mirrors and one to save through."""
        return 2 * slots + 1 if window else slots

    def move(self, move: Move) -> None:
        """Carries out one move. Raises: KeyError for a state that was not saved."""
        match move:
            case Copy(source, target, length):
                self._copy(source, target, 0, length)
            case Trim(slot, length):
                is_done = self.forget(slot, length)
                assert is_done, "this memory forgets whole sequences only"
            case Save(slot, key):
                self._saved[key] = self._save(slot)
                self.forget(slot, 0)
            case Restore(slot, key):
                self._restore(slot, self._saved.pop(key))
            case Discard(key):
                del self._saved[key]

    def forget(self, slot: int, length: int) -> bool:
        """Drops all from position `length` on; False where only the whole can be dropped."""
        is_done = llama.llama_memory_seq_rm(self._handle, slot, length or -1, -1)
        if is_done and self._window:
            llama.llama_memory_seq_rm(self._handle, slot + self.mirror, length or -1, -1)
        return bool(is_done)

    def length(self, slot: int) -> int:
        """Tokens of the slot's sequence."""
        return int(llama.llama_memory_seq_pos_max(self._handle, slot)) + 1

    def state_bytes(self, slot: int) -> int:
        """What saving the slot would take in RAM."""
        if not self._window:
            return int(llama.llama_state_seq_get_size_ext(self._context, slot, 0))
        return sum(self._part_bytes(slot, begin, end) for begin, end in self._parts(slot))

    def _copy(self, source: int, target: int, begin: int, end: int) -> None:
        llama.llama_memory_seq_cp(self._handle, source, target, begin, end)
        if self._window:
            mirror = self.mirror
            llama.llama_memory_seq_cp(self._handle, source, target + mirror, begin, end)

    def _parts(self, slot: int) -> list[tuple[int, int]]:
        """Ranges of positions that are saved apart; half a window keeps clear of its edges."""
        length, size = self.length(slot), max(self._window // 2, 1)
        return [(begin, min(begin + size, length)) for begin in range(0, length, size)]

    def _part_bytes(self, slot: int, begin: int, end: int) -> int:
        through = 2 * self.slots
        llama.llama_memory_seq_cp(self._handle, slot, through, begin, end)
        size = int(llama.llama_state_seq_get_size_ext(self._context, through, 0))
        llama.llama_memory_seq_rm(self._handle, through, -1, -1)
        return size

    def _save(self, slot: int) -> Saved:
        if not self._window:
            return [(0, self._read(slot))]
        through, parts = 2 * self.slots, []
        for begin, end in self._parts(slot):
            llama.llama_memory_seq_cp(self._handle, slot, through, begin, end)
            parts.append((begin, self._read(through)))
            llama.llama_memory_seq_rm(self._handle, through, -1, -1)
        return parts

    def _restore(self, slot: int, saved: Saved) -> None:
        if not self._window:
            self._write(slot, saved[0][1])
            return
        through = 2 * self.slots
        for begin, state in saved:
            self._write(through, state)
            self._copy(through, slot, begin, -1)
            llama.llama_memory_seq_rm(self._handle, through, -1, -1)

    def _read(self, sequence: int) -> NDArray[np.uint8]:
        size = llama.llama_state_seq_get_size_ext(self._context, sequence, 0)
        state = np.empty(size, np.uint8)
        written = llama.llama_state_seq_get_data_ext(
            self._context, _bytes_pointer(state), size, sequence, 0
        )
        assert written == size, "the state changed its size between two calls"
        return state

    def _write(self, sequence: int, state: NDArray[np.uint8]) -> None:
        read = llama.llama_state_seq_set_data_ext(
            self._context, _bytes_pointer(state), state.size, sequence, 0
        )
        assert read == state.size, "no room for a saved state: cells were not reserved for it"


def _bytes_pointer(array: NDArray[np.uint8]) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
