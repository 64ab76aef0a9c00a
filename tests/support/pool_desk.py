"""The pool's part of a node in a test of the web: a real one, which has joined nothing."""

import functools
from pathlib import Path

from app.core.base.units import Microseconds
from app.observe.outbound import Outbound
from app.server.identity.keys import DeviceKey
from app.server.models.library import Library
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.pool.desk import PoolDesk
from app.server.node.pool.house import HomeRouter, House
from app.server.node.pool.mirror import Mirror
from app.server.node.pool.pool import Pool
from app.server.node.shelf import Shelf
from app.server.storage.database import Database
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays


async def desk_for(
    router: HomeRouter, hub: Hub, database: Database, folder: Path, in_force: InForce
) -> PoolDesk:
    """Its clocks stand still."""
    house = House(
        make_key=functools.cache(lambda: DeviceKey.ensure(folder / "device.key")),
        hub=hub,
        router=router,
        shelf=Shelf(Library(()), hub),
        memberships=await Memberships.open(database),
        asks=await PoolAsks.open(database),
        days=PoolDays(database),
        mirror=Mirror(folder / "books.db"),
        outbound=Outbound(lambda: 1000.0),
        pool_settings=lambda: in_force.settings.pool,
        engine=in_force.settings.engine,
        program="test",
        runtime="test",
        now=lambda: 1000.0,
        clock=lambda: Microseconds(1_000_000_000),
        offset=lambda _: 0,
        nonce=lambda: b"n" * 32,
        chance=lambda: 0.5,
    )
    return PoolDesk(Pool(house, database))
