"""Memberships: the pool that this node belongs to, and those it once did.

Receipts and books of a pool that was left stay: what was earned there remains to be proved.
"""

from typing import Final, Self, final

import msgspec

from app.core.base.ids import PoolId
from app.core.base.units import Microseconds
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("memberships")


@final
class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """One pool, as this node knows it. Its repr hides the invite."""

    pool: PoolId
    address: str
    """URL of the host's WebSocket."""
    name: str = ""
    account: str = ""
    device_name: str = ""
    """What the owner calls this machine there; "" leaves it to the host."""
    invite: str = ""
    """The secret of one, told when the host does not know this device yet; "" once it does."""
    joined_at: Microseconds
    left_at: Microseconds | None = None

    def __repr__(self) -> str:
        return f"<Membership {self.pool[:8]}>"


@final
class Memberships:
    """In memory and in `database`. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[PoolId, Membership] = {}

    @classmethod
    async def open(cls, database: Database) -> Self:
        """What `database` holds."""
        memberships = cls(database)
        for row in await database.read(_SQL["all"]):
            membership = _membership(row)
            memberships._known[membership.pool] = membership
        return memberships

    @property
    def current(self) -> Membership | None:
        """The pool that this node belongs to now."""
        return next((each for each in self._known.values() if each.left_at is None), None)

    def all(self) -> tuple[Membership, ...]:
        """Every pool that was ever joined, the oldest first."""
        return tuple(sorted(self._known.values(), key=lambda each: each.joined_at))

    async def keep(self, membership: Membership) -> None:
        """From now on; a pool that was left before can be joined again."""
        await self._database.write(_SQL["keep"], *msgspec.structs.astuple(membership))
        self._known[membership.pool] = membership


def _membership(row: tuple[Value, ...]) -> Membership:
    names = Membership.__struct_fields__
    return msgspec.convert(dict(zip(names, row, strict=True)), Membership)
