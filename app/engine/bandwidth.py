"""Bandwidth: how fast this machine reads its RAM, by copying arrays on all cores for a moment.

What limits the decoding of a model on the CPU. numpy's copy lets other threads run, so the cores
together reach what the memory gives; a copied byte is read once and written once.
"""

import threading
import time
from typing import Final

import numpy as np

ARRAY_BYTES: Final = 64 * 1024**2
"""Far more than a core's share of any cache."""

ROUNDS: Final = 4
THREADS_MAX: Final = 8
"""More cores than that share no faster memory in a PC, and would take 1 GB for the arrays."""


def ram_bandwidth(cores: int) -> float:
    """Bytes a second that `cores` threads together move; takes some tenths of a second."""
    threads = max(1, min(cores, THREADS_MAX))
    numbers = ARRAY_BYTES // 8
    pairs = [(np.ones(numbers), np.zeros(numbers)) for _ in range(threads)]
    best = 0.0
    for _ in range(ROUNDS):
        workers = [threading.Thread(target=np.copyto, args=(to, of)) for of, to in pairs]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, 2 * ARRAY_BYTES * threads / (time.perf_counter() - began))
    return best
