"""The only home of llama.cpp: everything that imports `llama_cpp` is here.

ggml's CPU threads meet at a barrier after each operation, some thousand times a token, and libgomp
lets a waiting thread spin for milliseconds first. Where one thread has lost its core to another
program, that stalls all: measured on two busy cores, 2 tokens/s in place of 47. Sleeping after a
short spin costs nothing that can be measured on an idle machine. libgomp reads the variable once,
when it is loaded, so it must be set before `llama_cpp` is imported.
"""

import os
from typing import Final

SPIN_COUNT: Final = "1000"
"""Turns of libgomp's waiting loop, some 50 µs: longer than a barrier takes when all threads run,
shorter than the time slice of another program."""

os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
