"""Serving: the line by which a server tells another program that it is ready.

Apart from the command, so that a server process does not import the HTTP client.
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
