"""PoolKeys: the API keys of a pool, shown once and kept as SHA-256.

All live keys are in memory by their id, so `verify` costs a hash and no query. A key that is not
known, one that was revoked and one whose secret is wrong are one answer, after the same work.

Rule: a secret is in nobody's hands but the caller of `create`: no log, no repr, no table.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal, Self, final

import msgspec
from msgspec.structs import replace

from app.core.base.ids import ProjectId
from app.core.base.units import SECOND, Microseconds
from app.core.pool import pool_key
from app.core.pool.naming import named
from app.server.storage.database import Database
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("pool_keys")

log = logging.getLogger(__name__)

PoolScope = Literal["inference", "billing", "metrics"]
"""inference: asks models. billing: reads balance, receipts and usage. metrics: figures."""

SCOPES: Final[tuple[PoolScope, ...]] = ("inference", "billing", "metrics")

USE_STEP: Final = 60 * SECOND
"""A last use is noted at most this often, so that a busy key writes a row a minute."""

_NOBODY: Final = bytes(32)
"""Compared with where no key has the id, so that it takes as long as where one has."""


@final
class PoolKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored, without its secret."""

    id: str
    project: ProjectId
    name: str
    scopes: tuple[PoolScope, ...]
    made_at: Microseconds
    expires_at: Microseconds | None = None
    last_used_at: Microseconds | None = None
    revoked_at: Microseconds | None = None

    @property
    def shown(self) -> str:
        """The beginning of the key, for its owner to tell it from others."""
        return pool_key.shown(self.id)

    def is_live(self, now: Microseconds) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@final
class NewPoolKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made; the only time that its secret is seen."""

    key: PoolKey
    secret: str

    def __repr__(self) -> str:
        return f"<NewPoolKey {self.key.id}>"

    __str__ = __repr__


@final
class PoolKeys:
    """The keys of one host. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._keys: dict[str, PoolKey] = {}
        self._digests: dict[str, bytes] = {}
        self._unwritten: set[str] = set()
        self._used = asyncio.Event()

    @classmethod
    async def open(cls, database: Database, now: Callable[[], Microseconds]) -> Self:
        """The keys of `database`, read into memory."""
        keys = cls(database, now)
        for digest, scopes, *row in await database.read(_SQL["all"]):
            names = [name for name in PoolKey.__struct_fields__ if name != "scopes"]
            fields = dict(zip(names, row, strict=True))
            key = msgspec.convert({**fields, "scopes": str(scopes).split()}, PoolKey)
            assert isinstance(digest, bytes)
            keys._keys[key.id], keys._digests[key.id] = key, digest
        return keys

    async def create(
        self,
        project: ProjectId,
        name: str,
        *,
        scopes: Sequence[PoolScope] = ("inference", "billing"),
        expires_at: Microseconds | None = None,
    ) -> NewPoolKey:
        """A new key, stored. Raises: RequestError for a name that is none."""
        assert scopes and set(scopes) <= set(SCOPES)
        key = PoolKey(
            id=_chance(pool_key.ID_ALPHABET, pool_key.ID_LENGTH),
            project=project,
            name=named(name),
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            made_at=self._now(),
            expires_at=expires_at,
        )
        secret = pool_key.written(key.id, _chance(pool_key.SECRET_ALPHABET, pool_key.SECRET_LENGTH))
        digest = pool_key.digest_of(secret)
        await self._database.write(
            _SQL["add"],
            *(key.id, project, key.name, digest, " ".join(key.scopes), key.made_at, expires_at),
        )
        self._keys[key.id], self._digests[key.id] = key, digest
        return NewPoolKey(key=key, secret=secret)

    async def revoke(self, key_id: str) -> PoolKey | None:
        """The key, from now on refused; None when there is none. Revoking twice is once."""
        key = self._keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return key
        key = replace(key, revoked_at=self._now())
        # First in memory: should the disk fail, the key is refused at least until a restart.
        self._keys[key_id] = key
        await self._database.write(_SQL["revoke"], key.revoked_at, key_id)
        return key

    async def forget(self, projects: Collection[ProjectId]) -> None:
        """The keys of these projects are refused from now on, and what they were called is gone."""
        for key in self.all():
            if key.project in projects:
                now = key.revoked_at or self._now()
                self._keys[key.id] = replace(key, name="forgotten", revoked_at=now)
                await self._database.write(_SQL["forget"], now, key.id)

    def all(self) -> tuple[PoolKey, ...]:
        """Every key, revoked ones too, oldest first."""
        return tuple(self._keys.values())

    def get(self, key_id: str) -> PoolKey | None:
        """The key of this id, live or not."""
        return self._keys.get(key_id)

    def verify(self, secret: str) -> PoolKey | None:
        """The live key with this secret, None otherwise. Constant time in the secret."""
        presented = pool_key.digest_of(secret)
        key_id = pool_key.id_of(secret) or ""
        is_same = pool_key.is_same(self._digests.get(key_id, _NOBODY), presented)
        key = self._keys.get(key_id)
        if key is None or not is_same or not key.is_live(self._now()):
            return None
        self._note_use(key)
        return self._keys[key_id]

    async def write_uses(self) -> None:
        """Bring the last uses to the disk as they come; runs until it is cancelled."""
        while True:
            await self._used.wait()
            await self.flush()

    async def flush(self) -> None:
        """Bring the last uses so far to the disk."""
        self._used.clear()
        used = [(self._keys[key_id].last_used_at, key_id) for key_id in sorted(self._unwritten)]
        self._unwritten.clear()
        try:
            await self._database.write_many(_SQL["use"], used)
        except Unwritable:
            # A full disk must not end the host for the sake of a date.
            log.warning("the last use of keys could not be written", exc_info=True)

    def _note_use(self, key: PoolKey) -> None:
        now = self._now()
        if key.last_used_at is None or now - key.last_used_at >= USE_STEP:
            self._keys[key.id] = replace(key, last_used_at=now)
            self._unwritten.add(key.id)
            self._used.set()


def _chance(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
