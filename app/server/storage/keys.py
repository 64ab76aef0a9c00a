"""Keys: API keys, shown once and kept as SHA-256.

A secret is `ath_` and 43 characters of chance (256 bits), so a plain hash is enough: there is no
dictionary to guess from. All keys are in memory; `verify` costs a hash and no query.

Rule: a secret is in nobody's hands but the caller of `create`: no log, no repr, no table.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from typing import Final, Literal, Self, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import RequestError
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("keys")

log = logging.getLogger(__name__)

KeyScope = Literal["inference", "admin"]

SECRET_PREFIX: Final = "ath_"  # noqa: S105  # what all secrets begin with
_SHOWN_CHARACTERS: Final = 8
"""Of the secret, kept in the clear: 4 of chance (24 bits of 256) tell keys apart."""
_NAME_LENGTH_MAX: Final = 100
USE_STEP_SECONDS: Final = 60.0
"""A last use is noted at most this often, so that a busy key writes a row a minute."""


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


@final
class Keys:
    """The node's API keys. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._keys: dict[bytes, Key] = {}
        self._unwritten: set[bytes] = set()
        self._used = asyncio.Event()

    @classmethod
    async def open(cls, database: Database, now: Callable[[], float]) -> Self:
        """The keys of `database`, read into memory. `now` is seconds since 1970."""
        keys = cls(database, now)
        for digest, *columns in await database.read(_SQL["all"]):
            assert isinstance(digest, bytes)
            keys._keys[digest] = _key(columns)
        return keys

    async def create(self, name: str, scope: KeyScope) -> NewKey:
        """A new key, stored. Raises: RequestError when `name` is empty or too long."""
        name = name.strip()
        if not 1 <= len(name) <= _NAME_LENGTH_MAX or not name.isprintable():
            raise RequestError(
                f"a key needs a name of 1 to {_NAME_LENGTH_MAX} printable characters", field="name"
            )
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id=secrets.token_hex(4),
            name=name,
            scope=scope,
            prefix=secret[:_SHOWN_CHARACTERS],
            created_at=self._now(),
        )
        digest = _digest(secret)
        await self._database.write(
            _SQL["add"],
            *(key.id, key.name, key.scope, key.prefix, digest, key.created_at),
        )
        self._keys[digest] = key
        return NewKey(key=key, secret=secret)

    async def revoke(self, key_id: str) -> Key | None:
        """The key, from now on refused; None when there is no such key. Revoking twice is once."""
        found = [digest for digest, key in self._keys.items() if key.id == key_id]
        if not found:
            return None
        key = self._keys[found[0]]
        if key.revoked_at is None:
            key = replace(key, revoked_at=self._now())
            # First in memory: should the disk fail, the key is refused at least until a restart.
            self._keys[found[0]] = key
            await self._database.write(_SQL["revoke"], key.revoked_at, key.id)
        return key

    def all(self) -> tuple[Key, ...]:
        """Every key, revoked ones too, oldest first."""
        return tuple(self._keys.values())

    def verify(self, secret: str) -> Key | None:
        """The live key with this secret, None otherwise. Constant time in the secret."""
        presented = _digest(secret)
        found: bytes | None = None
        for digest in self._keys:
            if hmac.compare_digest(digest, presented):
                found = digest
        if found is None or self._keys[found].revoked_at is not None:
            return None
        self._note_use(found)
        return self._keys[found]

    @property
    def has_live(self) -> bool:
        """Whether any key is not revoked."""
        return any(key.revoked_at is None for key in self._keys.values())

    async def write_uses(self) -> None:
        """Bring the last uses to the disk as they come; runs until it is cancelled."""
        while True:
            await self._used.wait()
            await self.flush()

    async def flush(self) -> None:
        """Bring the last uses so far to the disk."""
        self._used.clear()
        used = [self._keys[digest] for digest in self._unwritten]
        self._unwritten.clear()
        try:
            await self._database.write_many(
                _SQL["use"], [(key.last_used_at, key.id) for key in used]
            )
        except Unwritable:
            # A full disk must not end the server for the sake of a date.
            log.warning("the last use of keys could not be written", exc_info=True)

    def _note_use(self, digest: bytes) -> None:
        key, now = self._keys[digest], self._now()
        if key.last_used_at is None or now - key.last_used_at >= USE_STEP_SECONDS:
            self._keys[digest] = replace(key, last_used_at=now)
            self._unwritten.add(digest)
            self._used.set()


def _digest(secret: str) -> bytes:
    # surrogates reach us from headers that are not UTF-8; they must not raise here
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(columns: list[Value]) -> Key:
    return msgspec.convert(dict(zip(Key.__struct_fields__, columns, strict=True)), Key)
