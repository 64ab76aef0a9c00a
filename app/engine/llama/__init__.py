"""The only home of llama.cpp: everything that imports `llama_cpp` is here.

ggml's CPU threads meet at a barrier after each operation, hundreds of times a token, and libgomp
lets a waiting thread spin for milliseconds before it sleeps. Where one thread has lost its core to
another program, all others then wait spinning, and so do their own programs. A thread that sleeps
too soon, though, is woken hundreds of times a token. Tokens/s of a 0.34 B model with two threads on
two cores, of one stream and of eight; with libgomp's own 300,000 turns the last line was 2 to 6:

    turns of the waiting loop     1,000      4,000      10,000     30,000
    nothing else runs             30, 112    31, 115    34, 115    34, 118
    one core is busy elsewhere    17, 59     13, 54     11, 45     7, 29

libgomp reads the variable once, when it is loaded: it must be set before `llama_cpp` is imported.
"""

import os
import sys
from typing import Final

SPIN_COUNT: Final = "10000"
"""Half a millisecond: all the speed of a quiet machine, and far less loss on a busy one."""

os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)

if getattr(sys, "frozen", False):
    # llama_cpp would look there for CUDA's libraries before it looks beside its own.
    for _name in ("CUDA_PATH", "HIP_PATH"):
        os.environ.pop(_name, None)
