"""Serving: the line by which a server tells the program that started it that it is ready.

Apart from the local API's messages, so that reading the line imports nothing else.
"""

import msgspec


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What `athanor serve --json` prints when it is ready, on one line."""

    pid: int
    addresses: tuple[str, ...]
    """Base URLs of the OpenAI API."""
    models: int
    """How many are in the library."""
    log_file: str


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """What `athanor pool serve --json` prints when it is ready, on one line."""

    pid: int
    addresses: tuple[str, ...]
    """Base URLs of the OpenAI API."""
    url: str
    """Where members and callers reach the host, as it stands in invites."""
    pool: str
    """The pool's id: its public key."""
    name: str
    models: int
    """How many are offered."""
    log_file: str
