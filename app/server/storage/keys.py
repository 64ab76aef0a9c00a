"""Keys: API keys, shown once and kept as SHA-256.

A secret is `ath_` and 43 characters of chance (256 bits), so a plain hash is enough: there is no
dictionary to guess from. All keys are in memory; `verify` costs a hash and no query.

Rule: a secret is in nobody's hands but the caller of `create`: no log, no repr, no table.
"""

from typing import Literal, Self, final

import msgspec

KeyScope = Literal["inference", "admin"]


@final
class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored, without its secret. Times are seconds since 1970."""

    id: str
    name: str
    scope: KeyScope
    prefix: str
    """First characters of the secret, for its owner to tell it from others."""
    created_at: float
    last_used_at: float | None = None
    revoked_at: float | None = None


@final
class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made; the only time that its secret is seen."""

    key: Key
    secret: str

    def __repr__(self) -> str:
        return f"<NewKey {self.key.id}>"

    __str__ = __repr__


class Keys:
    """The node's API keys. Used by one event loop."""

    async def create(self, name: str, scope: KeyScope) -> NewKey:
        """A new key, stored. Raises: RequestError when `name` is empty or too long."""
        raise NotImplementedError

    async def revoke(self, key_id: str) -> Key | None:
        """The key, from now on refused; None when there is no such key. Revoking twice is once."""
        raise NotImplementedError

    def all(self) -> tuple[Key, ...]:
        """Every key, revoked ones too, oldest first."""
        raise NotImplementedError

    def verify(self, secret: str) -> Key | None:
        """The live key with this secret, None otherwise. Constant time in the secret."""
        raise NotImplementedError

    @property
    def has_live(self) -> bool:
        """Whether any key is not revoked."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError
