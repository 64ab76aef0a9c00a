"""Shapes: units, ranges and choices that settings of several sections share."""

from typing import Final, Literal

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

LogLevel = Literal["debug", "info", "warning", "error"]

BYTES: Final = {"unit": "bytes"}
SECONDS: Final = {"unit": "seconds"}
TOKENS: Final = {"unit": "tokens"}

ADDRESS: Final = r"^[0-9A-Za-z.:%_-]+$"
"""Of what a server listens on."""
ADDRESS_WORDS: Final = {"allowed": "an IP address or a host name"}
