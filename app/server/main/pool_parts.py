"""Pool parts: what a pool's host is built of, in the order in which one needs the other.

`Stored` is what the disk holds; over it stand the door, the works and the faces, and the sockets of
members last. Nothing is started here.
"""

import asyncio
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Microseconds
from app.core.pool.channel import Limits as SessionLimits
from app.server.host.access import Access, DefaultLimits
from app.server.host.accounts_desk import AccountsDesk
from app.server.host.asks import Asks
from app.server.host.care import Care
from app.server.host.connections import Connections
from app.server.host.counting import Counter
from app.server.host.dispatch import Dispatch
from app.server.host.gateway import Gateway
from app.server.host.jobs import Jobs
from app.server.host.limiter import Limiter
from app.server.host.market import Market
from app.server.host.members import Members
from app.server.host.membership import Membership
from app.server.host.offer_files import OfferFiles, read_offer_files
from app.server.host.offers import Offered, Offers
from app.server.host.orphans import Orphans
from app.server.host.requests import Requests
from app.server.host.roster import Roster
from app.server.host.usage import Reporting, late_reports
from app.server.host.verdicts import Verdicts
from app.server.host.watchman import Watchman
from app.server.identity.keys import PoolKey, verify
from app.server.storage.accounts import Accounts
from app.server.storage.attempts import Attempts
from app.server.storage.books import Bookkeeper
from app.server.storage.checkpoints import Checkpoints
from app.server.storage.database import Database
from app.server.storage.devices import Devices
from app.server.storage.idempotency import Idempotency
from app.server.storage.invites import Invites
from app.server.storage.limits import Limits
from app.server.storage.pool_keys import PoolKeys
from app.server.storage.receipts import Receipts
from app.server.storage.sessions import Sessions
from app.server.storage.usage import Usage
from app.settings.pool_host_schema import PoolHostSettings
from app.wire.message import Message

Now = Callable[[], Microseconds]


@final
class OfferBook:
    """The list of offers that holds now, and how it is read again."""

    def __init__(self, prices_file: Path) -> None:
        self._prices_file = prices_file
        self.files = OfferFiles.empty()
        self.on_read: Callable[[], None] = _nothing

    async def read(self) -> OfferFiles:
        """The operator's files as they are now. Raises: PricesInvalid; then nothing changes."""
        self.files = await asyncio.to_thread(read_offer_files, self._prices_file)
        self.on_read()
        return self.files

    def offers(self) -> Offers:
        """What may be asked for."""
        return self.files.offers

    def file_of(self, sha256: str) -> Path | None:
        """By which the host counts."""
        return self.files.files.get(sha256)

    def listed(self, sha256: str) -> Offered | None:
        """A content on the list; None where it is not offered."""
        return self.files.offers.of(sha256)

    def bytes_of(self, sha256: str) -> int:
        """Of the weights that a token needs; 0 where that is not known."""
        return self.files.active_bytes.get(sha256, 0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is kept on the disk, read into memory where every request asks."""

    books: Bookkeeper
    accounts: Accounts
    keys: PoolKeys
    devices: Devices
    invites: Invites
    limits: Limits
    usage: Usage
    idempotency: Idempotency
    receipts: Receipts
    checkpoints: Checkpoints
    attempts: Attempts
    sessions: Sessions

    @classmethod
    async def open(
        cls, database: Database, books: Bookkeeper, now: Now, seconds: Callable[[], float]
    ) -> Self:
        """Everything of one host's database."""
        return cls(
            books=books,
            accounts=await Accounts.open(database, now),
            keys=await PoolKeys.open(database, now),
            devices=await Devices.open(database, now),
            invites=await Invites.open(database, now),
            limits=await Limits.open(database),
            usage=Usage(database, now),
            idempotency=Idempotency(database, now),
            receipts=Receipts(database),
            checkpoints=Checkpoints(database),
            attempts=Attempts(database),
            sessions=await Sessions.open(database, seconds),
        )


@final
class Wires:
    """Where frames to members go: parts that send are built before the connections are."""

    def __init__(self) -> None:
        self.connections: Connections | None = None

    def tell(self, device: DeviceId, frame: Message) -> bool:
        """See Connections.tell."""
        assert self.connections is not None, "nothing is sent before all is built"
        return self.connections.tell(device, frame)

    def is_reachable(self, device: DeviceId) -> bool:
        """See Connections.is_reachable."""
        return self.connections is not None and self.connections.is_reachable(device)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who may come in and how much they may ask."""

    access: Access
    limiter: Limiter
    reporting: Reporting
    accounts_desk: AccountsDesk
    membership: Membership

    @classmethod
    def build(cls, stored: Stored, settings: PoolHostSettings, now: Now) -> Self:
        """Over what is stored."""
        limiter = Limiter(now)
        access = Access(
            accounts=stored.accounts,
            keys=stored.keys,
            devices=stored.devices,
            limits=stored.limits,
            limiter=limiter,
            now=now,
            defaults=DefaultLimits.a_minute(
                requests=settings.account_requests_minute,
                tokens=settings.account_tokens_minute,
                address_requests=settings.address_requests_minute,
            ),
        )
        desk = AccountsDesk(
            accounts=stored.accounts,
            keys=stored.keys,
            devices=stored.devices,
            limits=stored.limits,
            invites=stored.invites,
            access=access,
            limiter=limiter,
            usage=stored.usage,
            books=stored.books,
            now=now,
        )
        membership = Membership(
            accounts=stored.accounts,
            devices=stored.devices,
            invites=stored.invites,
            access=access,
            grant=desk.grant_once,
        )
        return cls(
            access=access,
            limiter=limiter,
            reporting=Reporting(stored.usage, now),
            accounts_desk=desk,
            membership=membership,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What computes: machines, the line, jobs and their verdicts."""

    roster: Roster
    dispatch: Dispatch
    watchman: Watchman
    verdicts: Verdicts
    jobs: Jobs
    orphans: Orphans

    @classmethod
    def build(
        cls,
        stored: Stored,
        door: Door,
        wires: Wires,
        *,
        key: PoolKey,
        offers: OfferBook,
        counter: Counter,
        now: Now,
    ) -> Self:
        """Over the door."""
        circle, is_here = door.membership.circle, wires.is_reachable
        roster = Roster(circle=circle, is_reachable=is_here, listed=offers.listed, now=now)
        offers.on_read = roster.look_again
        chance = random.Random(secrets.randbits(64))  # noqa: S311  # which of equals: no secret
        dispatch = Dispatch(roster, weight=weights_of(stored.accounts), now=now, chance=chance)
        watchman = Watchman(
            standing=dispatch.standing,
            devices=stored.devices,
            now=now,
            key=secrets.token_bytes(32),
            machines=roster,
            active_bytes=offers.bytes_of,
        )
        verdicts = Verdicts(
            stored.receipts, stored.checkpoints, signer=key, verify=verify, tell=wires.tell, now=now
        )
        jobs = Jobs(
            now=now,
            books=stored.books,
            attempts=stored.attempts,
            counter=counter,
            verdicts=verdicts,
            dispatch=dispatch,
            ears=watchman,
            tell=wires.tell,
        )
        orphans = Orphans(
            books=stored.books,
            attempts=stored.attempts,
            receipts=stored.receipts,
            verdicts=verdicts,
            account_of=stored.devices.account_of,
            report=late_reports(door.reporting, stored.accounts, offers.listed),
            now=now,
        )
        jobs.on_late = orphans.heard
        return cls(
            roster=roster,
            dispatch=dispatch,
            watchman=watchman,
            verdicts=verdicts,
            jobs=jobs,
            orphans=orphans,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """What callers and members meet."""

    requests: Requests
    gateway: Gateway
    asks: Asks
    market: Market

    @classmethod
    def build(
        cls,
        stored: Stored,
        door: Door,
        works: Works,
        wires: Wires,
        *,
        offers: OfferBook,
        counter: Counter,
        settings: PoolHostSettings,
        steady: Callable[[], float],
    ) -> Self:
        """Over the works."""
        requests = Requests(
            jobs=works.jobs,
            offers=offers.offers,
            vocabularies=counter,
            access=door.access,
            reporting=door.reporting,
            roster=works.roster,
            dispatch=works.dispatch,
            steady=steady,
            requests_max=settings.pool_requests_max,
            queue_seconds=settings.pool_queue_seconds,
        )
        asks = Asks(
            requests=requests,
            jobs=works.jobs,
            access=door.access,
            idempotency=stored.idempotency,
            orphans=works.orphans,
            verify=verify,
            tell=wires.tell,
        )
        return cls(
            requests=requests,
            gateway=Gateway(requests, stored.idempotency),
            asks=asks,
            market=Market(works.roster, works.dispatch, offers.offers),
        )


def connect(
    stored: Stored,
    door: Door,
    works: Works,
    faces: Faces,
    wires: Wires,
    *,
    key: PoolKey,
    offers: OfferBook,
    settings: PoolHostSettings,
    pool_name: str,
    now: Now,
) -> tuple[Connections, Care]:
    """The sockets of members, and the host's own rounds: the last parts."""
    members = Members(
        membership=door.membership,
        devices=stored.devices,
        roster=works.roster,
        dispatch=works.dispatch,
        jobs=works.jobs,
        asks=faces.asks,
        market=faces.market,
        verdicts=works.verdicts,
        shares=lambda: offers.offers().shares,
        tell=wires.tell,
        pool_name=pool_name,
        heartbeat_seconds=settings.heartbeat_members_seconds,
        grace_seconds=settings.grace_members_seconds,
    )
    wires.connections = Connections(
        members=members,
        signer=key,
        verify=verify,
        at=now,
        limits=SessionLimits(frames_per_second=float(settings.member_frames_max)),
        sessions_max=settings.members_max,
        buffer_bytes_max=settings.member_buffer_bytes_max,
    )
    care = Care(
        books=stored.books,
        verdicts=works.verdicts,
        roster=works.roster,
        judgement=works.dispatch.standing,
        idempotency=stored.idempotency,
        usage=stored.usage,
        tell=wires.tell,
        now=now,
        address_days=settings.usage_address_days,
        row_days=settings.usage_row_days,
    )
    members.on_joined = care.greet
    works.watchman.on_judged = care.warn
    return wires.connections, care


def weights_of(accounts: Accounts) -> Callable[[AccountId], float]:
    """Each account's share when callers queue."""

    def weight(account: AccountId) -> float:
        found = accounts.get(account)
        return float(found.weight) if found is not None else 1.0

    return weight


def _nothing() -> None:
    """Nobody listens yet."""
