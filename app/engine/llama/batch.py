"""Batch: rows of a step as the arrays that llama_decode reads.

The arrays are numpy's, made once, and the C struct points into them; filling them is slices, never
a Python loop over tokens.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from app.core.scheduling.step import Row


class Batch:
    """Room for `size` tokens, each a member of `members` sequences: its slot, and with 2 also
    the slot's mirror, `mirror` ids further on (see memory.py)."""

    def __init__(self, size: int, *, mirror: int = 0) -> None:
        self.size = size
        self._mirror = mirror
        members = 2 if mirror else 1
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._members = np.full(size, members, np.int32)
        self._slots = np.zeros((size, members), np.int32)
        self._outputs = np.zeros(size, np.int8)
        self._counting = np.arange(size, dtype=np.int32)
        stride = self._slots.strides[0]
        self._slot_pointers = self._slots.ctypes.data + stride * np.arange(size, dtype=np.uint64)
        self.struct = llama.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._members, ctypes.c_int32),
            seq_id=_pointer(self._slot_pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def fill(self, rows: Sequence[Row]) -> int:
        """Takes the rows; how many outputs they ask for."""
        at, outputs = 0, 0
        for row in rows:
            count = len(row.tokens)
            end = at + count
            assert 0 < count <= self.size - at, "a row is empty or the batch is full"
            assert 0 <= row.logits <= count
            self._tokens[at:end] = row.tokens
            if count == 1:
                self._positions[at] = row.position
            else:
                np.add(self._counting[:count], row.position, out=self._positions[at:end])
            self._slots[at:end, 0] = row.slot
            if self._mirror:
                self._slots[at:end, 1] = row.slot + self._mirror
            self._outputs[at:end] = 0
            self._outputs[end - row.logits : end] = 1
            at = end
            outputs += row.logits
        self.struct.n_tokens = at
        return outputs


def _pointer(array: Any, kind: Any) -> Any:
    """A ctypes pointer to a numpy array, which must outlive it."""
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
