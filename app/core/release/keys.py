"""Keys of the publisher: the public halves, as assets/release-keys.toml names them.

The private halves are with whoever publishes (packaging/release/keys.py makes them); none is in
the project. A copy of the program that was built without keys believes no statement: updates and
downloaded runtime packs are off in it, and `athanor doctor` says so.
"""

from typing import Annotated, final

import msgspec
from msgspec import Meta


@final
class ReleaseKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key that may sign releases and runtime packs."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """64 hexadecimal digits: Ed25519."""


@final
class Publisher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who made this copy of the program: where new ones are announced, and whose word counts."""

    address: str = ""
    """Of latest.json; "" where this copy was built by nobody who publishes."""
    packs_address: str = ""
    """Of the manifest of runtime packs; "" likewise."""
    key: tuple[ReleaseKey, ...] = ()


def publisher_of(text: str) -> Publisher:
    """The publisher in the text of release-keys.toml. Raises: msgspec.MsgspecError."""
    return msgspec.toml.decode(text, type=Publisher)
