"""Signatures of the simulation: the product's own, each of them looked at once.

Whether a signature holds never changes, so the answer may be kept. Every entry of every chain is
looked at after each step, and Ed25519 takes a tenth of a millisecond.
"""

from functools import lru_cache

from app.server.identity import keys

verify = lru_cache(maxsize=4096)(keys.verify)
