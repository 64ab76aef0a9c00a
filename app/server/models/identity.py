"""Identity: which models are the same, by the SHA-256 of their content.

A single file's identity is its digest. A split model's is the digest of its parts' digests, a line
each in lower-case hexadecimal, so that the same parts are the same model under any names.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from app.server.models.digest_cache import DigestCache
from app.server.models.entry import Proof
from app.server.models.found import Found


class Identity(NamedTuple):
    """What is known of a model's content."""

    sha256: str = ""
    proof: Proof = "none"


def identity_of(found: Found, digests: DigestCache) -> Identity:
    """The model's identity as far as its parts were read, else as their names claim it."""
    if len(found.stamp) != len(found.parts):
        return Identity()
    pairs = zip(found.parts, found.stamp, strict=True)
    computed = [digests.get(path, part) for path, part in pairs]
    if not all(computed):
        return Identity(joined(found.claims), "claimed") if found.claims else Identity()
    is_altered = bool(found.claims) and tuple(computed) != found.claims
    return Identity(joined(computed), "altered" if is_altered else "computed")


def joined(digests: Sequence[str]) -> str:
    """The identity of a model whose parts, in order, have these digests."""
    if len(digests) == 1:
        return digests[0]
    lines = "".join(f"{digest}\n" for digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()
