"""Membership: this node's part in a pool, built of the node's other parts.

The real wall clock and real chance enter here: what is signed and booked goes by them.
"""

import functools
import importlib.metadata
import random
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from app import __version__
from app.core.base.units import SECOND, Microseconds
from app.observe.outbound import Outbound
from app.server.identity.keys import DeviceKey
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.pool.desk import PoolDesk
from app.server.node.pool.house import House
from app.server.node.pool.mirror import Mirror
from app.server.node.pool.pool import Pool
from app.server.node.router import Router
from app.server.node.shelf import Shelf
from app.server.storage.database import Database
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays
from app.settings.paths import Paths

_BINDING: Final = "llama-cpp-python"


@asynccontextmanager
async def membership_of(
    in_force: InForce,
    paths: Paths,
    hub: Hub,
    router: Router,
    shelf: Shelf,
    *,
    outbound: Outbound,
    now: Callable[[], float],
) -> AsyncGenerator[PoolDesk, None]:
    """The pool's part of the node, at work inside the block.

    It writes the node's database over a connection of its own, which waits for the disk: receipts
    must survive a power cut.
    """
    mirror = Mirror(paths.books)
    async with await Database.open(paths.database, is_durable=True) as database:
        house = House(
            make_key=functools.cache(lambda: DeviceKey.ensure(paths.device_key_file)),
            hub=hub,
            router=router,
            shelf=shelf,
            memberships=await Memberships.open(database),
            asks=await PoolAsks.open(database),
            days=PoolDays(database),
            mirror=mirror,
            outbound=outbound,
            pool_settings=lambda: in_force.settings.pool,
            engine=in_force.settings.engine,
            program=__version__,
            runtime=runtime_version(),
            now=now,
            clock=lambda: Microseconds(time.time_ns() * SECOND // 1_000_000_000),
            offset=lambda at: time.localtime(at // SECOND).tm_gmtoff,
            nonce=lambda: secrets.token_bytes(32),
            chance=random.random,
        )
        pool = Pool(house, database)
        try:
            async with pool.running():
                yield PoolDesk(pool)
        finally:
            await mirror.close()


def runtime_version() -> str:
    """The program and the binding of llama.cpp that engines run on, for receipts."""
    try:
        binding = importlib.metadata.version(_BINDING)
    except importlib.metadata.PackageNotFoundError:
        return f"athanor {__version__}"
    return f"athanor {__version__}, {_BINDING} {binding}"
