"""Units as types. A bare number in a signature means a count of the noun in its name."""

from typing import NewType

Seconds = NewType("Seconds", float)
Bytes = NewType("Bytes", int)
Tokens = NewType("Tokens", int)
