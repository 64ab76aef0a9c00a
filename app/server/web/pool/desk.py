"""Desk: what the operator's routes and pages work with, handed over once at the start.

The host's application keeps it in its state, as `desk`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from litestar import Request
from litestar.datastructures import State

from app.core.base.units import Microseconds
from app.observe.pool_meters import PoolMeters
from app.server.host.access import Access
from app.server.host.accounts_desk import AccountsDesk
from app.server.host.keys_desk import KeysDesk
from app.server.host.market import Market
from app.server.host.pool_view import PoolView
from app.server.storage.accounts import Accounts
from app.server.storage.books import Bookkeeper
from app.server.storage.pool_keys import PoolKeys
from app.server.storage.receipts import Receipts
from app.server.storage.sessions import Sessions
from app.server.storage.usage import Usage
from app.server.web.dashboard.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything of accounts, keys and figures."""

    accounts: Accounts
    keys: PoolKeys
    usage: Usage
    receipts: Receipts
    books: Bookkeeper
    access: Access
    market: Market
    accounts_desk: AccountsDesk
    keys_desk: KeysDesk
    view: PoolView
    sessions: Sessions
    links: Links
    meters: PoolMeters
    now: Callable[[], Microseconds]

    def __repr__(self) -> str:
        return "<Desk>"


def desk_of(request: Request[None, None, State]) -> Desk:
    """The desk of the application that takes this request."""
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk
