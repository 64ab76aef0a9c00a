"""Pool desk: what the operator's terminal and pages work with, built over the parts of a host."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from app import __version__
from app.core.base.ids import DeviceId
from app.core.base.units import Microseconds
from app.observe.pool_meters import PoolMeters
from app.server.host.connections import Connections
from app.server.host.keys_desk import KeysDesk
from app.server.host.market import Market
from app.server.host.pool_view import PoolView
from app.server.host.usage import meters_of
from app.server.identity.keys import PoolKey, verify
from app.server.main.pool_parts import Door, OfferBook, Stored, Works
from app.server.web.dashboard.links import Links
from app.server.web.pool.desk import Desk


def pool_desk(
    *,
    name: str,
    prices_file: Path,
    stored: Stored,
    door: Door,
    works: Works,
    market: Market,
    offers: OfferBook,
    connections: Connections,
    key: PoolKey,
    address: Callable[[], str],
    now: Callable[[], Microseconds],
) -> Desk:
    """The desk. From here on requests and strikes are counted for Prometheus."""

    def end_session(device: DeviceId, why: str) -> None:
        connections.end(device, "leaving", why)

    async def reread() -> tuple[str, ...]:
        return (await offers.read()).troubles

    view = _view(
        name,
        prices_file,
        stored,
        works,
        offers=offers,
        key=key,
        address=address,
        now=now,
        end_session=end_session,
        reread=reread,
    )
    door.accounts_desk.end_session = end_session
    meters = PoolMeters(view.figures)
    door.reporting.on_ended = meters_of(meters)
    works.watchman.on_strike = meters.strike
    return Desk(
        accounts=stored.accounts,
        keys=stored.keys,
        usage=stored.usage,
        receipts=stored.receipts,
        books=stored.books,
        access=door.access,
        market=market,
        accounts_desk=door.accounts_desk,
        keys_desk=_keys_desk(stored, door, key, address, now),
        view=view,
        sessions=stored.sessions,
        links=Links(time.monotonic),
        meters=meters,
        now=now,
    )


def _keys_desk(
    stored: Stored,
    door: Door,
    key: PoolKey,
    address: Callable[[], str],
    now: Callable[[], Microseconds],
) -> KeysDesk:
    return KeysDesk(
        desk=door.accounts_desk,
        accounts=stored.accounts,
        keys=stored.keys,
        invites=stored.invites,
        signer=key,
        address=address,
        now=now,
    )


def _view(
    name: str,
    prices_file: Path,
    stored: Stored,
    works: Works,
    *,
    offers: OfferBook,
    key: PoolKey,
    address: Callable[[], str],
    now: Callable[[], Microseconds],
    end_session: Callable[[DeviceId, str], None],
    reread: Callable[[], Awaitable[tuple[str, ...]]],
) -> PoolView:
    return PoolView(
        name=name,
        version=__version__,
        address=address,
        prices_file=str(prices_file),
        accounts=stored.accounts,
        devices=stored.devices,
        usage=stored.usage,
        receipts=stored.receipts,
        books=stored.books,
        roster=works.roster,
        dispatch=works.dispatch,
        offers=offers.offers,
        watchman=works.watchman,
        signer=key,
        verify=verify,
        doubts=lambda: works.verdicts.doubts,
        verdicts=lambda: works.verdicts.count,
        end_session=end_session,
        reread=reread,
        now=now,
    )
