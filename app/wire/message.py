"""Message: the base of every Struct that crosses the pipe, and what it may show of itself."""

import msgspec

Json = dict[str, object]
"""A JSON object whose inside is the client's business, not ours."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every Struct that crosses the pipe."""


class Private(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A message that holds a user's words: its repr is its name."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__
