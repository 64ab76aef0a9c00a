"""The only home of llama.cpp: everything that imports `llama_cpp` is here.

ggml's CPU threads meet at a barrier after each operation, hundreds of times a token, and libgomp
lets a waiting thread spin for milliseconds before it sleeps. Where one thread has lost its core to
another program, all others then wait spinning, and so do their own programs. Tokens/s of a 0.1 B
model on two cores (one thread: 58 to 60):

    turns of the waiting loop     300,000 (libgomp's own)    1,000     100
    nothing else runs                  102 to 109              108      62
    one core is busy elsewhere           2 to 18                51      58

libgomp reads the variable once, when it is loaded: it must be set before `llama_cpp` is imported.
"""

import os
from typing import Final

SPIN_COUNT: Final = "1000"
"""Some 50 µs: longer than a barrier takes when all threads run, shorter than a time slice."""

os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
