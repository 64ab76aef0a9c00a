"""PoolView: what goes on in a pool, for its operator: figures, machines, models, usage, audit."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, final

import msgspec

from app.core.base.errors import AthanorError, UnknownHere
from app.core.base.ids import AccountId, DeviceId, PoolId
from app.core.base.units import SECOND, Microseconds
from app.core.ledger.accounts import FEES, FUND, MINT, ROUNDING, SALES
from app.core.member.calendar import DAY_SECONDS
from app.core.pool.keys import Signer, Verifier
from app.core.pool.limits import start_of
from app.observe.pool_meters import ModelFigures, PoolFigures
from app.server.host.chain_audit import audit_chain
from app.server.host.demand import NOBODY, demand_of, line_of
from app.server.host.dispatch import Dispatch
from app.server.host.offers import Offered, Offers
from app.server.host.pictures import (
    machine_picture,
    request_picture,
    seconds,
    strike_picture,
)
from app.server.host.roster import Roster
from app.server.host.usage_audit import audit_usage
from app.server.host.watchman import Watchman
from app.server.storage.accounts import Accounts
from app.server.storage.books import Bookkeeper
from app.server.storage.devices import Device, Devices
from app.server.storage.receipts import Receipts
from app.server.storage.usage import GroupedBy, Usage, UsageRow
from app.wire.pool_admin import (
    AuditPicture,
    HostPicture,
    MachineList,
    MachinePicture,
    OfferList,
    OfferPicture,
    RequestPicture,
    UsageLine,
    UsageReport,
)

log = logging.getLogger(__name__)

FAULTS_MAX: Final = 100
NEWEST_REQUESTS: Final = 50
STRIKE_DAYS: Final = 14


@final
class PoolView:
    """Of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        address: Callable[[], str],
        prices_file: str,
        accounts: Accounts,
        devices: Devices,
        usage: Usage,
        receipts: Receipts,
        books: Bookkeeper,
        roster: Roster,
        dispatch: Dispatch,
        offers: Callable[[], Offers],
        watchman: Watchman,
        signer: Signer,
        verify: Verifier,
        doubts: Callable[[], Sequence[str]],
        now: Callable[[], Microseconds],
        verdicts: Callable[[], int],
        end_session: Callable[[DeviceId, str], None],
        reread: Callable[[], Awaitable[tuple[str, ...]]],
    ) -> None:
        """`doubts`: what members were told that the host does not know, `verdicts`: how many there
        are (server/host/verdicts). `end_session` ends a machine's connection and says why.
        `reread` reads prices.toml again and says what of it is not offered.
        """
        self.name = name
        self._version, self._address = version, address
        self._prices_file = prices_file
        self._accounts, self._devices, self._usage = accounts, devices, usage
        self._receipts, self._books = receipts, books
        self._roster, self._dispatch, self._offers = roster, dispatch, offers
        self._watchman, self._signer, self._verify, self._now = watchman, signer, verify, now
        self._doubts, self._verdicts = doubts, verdicts
        self._end_session, self._reread = end_session, reread
        self._started_at = now()
        self._audit: AuditPicture | None = None

    # --- figures -----------------------------------------------------------------------------

    async def overview(self) -> HostPicture:
        """The pool in a few figures."""
        now = self._now()
        today = await self._usage.totals("account", since=start_of("day", now))
        machines, models = list(self._roster), self._offers().models
        lending = [machine for machine in machines if machine.is_lending]
        own = (FEES, FUND, ROUNDING, MINT, SALES)
        return HostPicture(
            pool=self._signer.public,
            name=self.name,
            version=self._version,
            address=self._address(),
            started_at=seconds(self._started_at),
            accounts=sum(each.state != "closed" for each in self._accounts.all()),
            members_connected=len(machines),
            members_lending=len(lending),
            models_offered=len(models),
            models_served=sum(
                any(each.sha256 in machine.models for machine in lending) for each in models
            ),
            requests_running=sum(len(machine.jobs) for machine in machines),
            requests_waiting=len(self._dispatch.queue),
            requests_today=sum(total.requests for total in today),
            tokens_today=sum(total.prompt + total.answer for total in today),
            credits_today=sum(total.cost for total in today),
            pool_accounts={
                account.kind: (await self._books.balance(account, now)).balance for account in own
            },
            audit=self._audit,
        )

    def figures(self) -> PoolFigures:
        """What is known without asking the disk, for Prometheus."""
        machines = list(self._roster)
        return PoolFigures(
            connected=len(machines),
            lending=sum(machine.is_lending for machine in machines),
            accounts=sum(each.state != "closed" for each in self._accounts.all()),
            receipts=self._verdicts(),
            models=tuple(
                ModelFigures(each.name, each.lending, each.running, each.waiting)
                for each in self.offers().models
            ),
            audit_holds=None if self._audit is None else self._audit.holds,
        )

    async def reread_prices(self) -> OfferList:
        """The list as prices.toml has it now. Raises: PricesInvalid; then the old one holds."""
        troubles = await self._reread()
        return msgspec.structs.replace(self.offers(), troubles=troubles)

    def offers(self) -> OfferList:
        """What prices.toml lists, and who serves it."""
        offers = self._offers()
        return OfferList(
            models=tuple(self._offer(model) for model in offers.models),
            prices_file=self._prices_file,
            worker_percent=offers.shares.worker,
            fee_percent=offers.shares.fee,
            fund_percent=offers.shares.fund,
        )

    async def models_today(self) -> OfferList:
        """The same, with how today's requests for each ended."""
        ends = await self._usage.ends(since=start_of("day", self._now()))
        demand, offered = demand_of(ends), self.offers()
        replace = msgspec.structs.replace
        return replace(
            offered,
            models=tuple(
                replace(each, today=demand.get(each.name, NOBODY)) for each in offered.models
            ),
        )

    def _offer(self, model: Offered) -> OfferPicture:
        machines = self._roster.machines_of(model.sha256)
        waiting = self._dispatch.queue.waiting_for(frozenset((model.sha256,)))
        line = line_of(waiting, self._name_of, self._now())
        return OfferPicture(
            name=model.name,
            sha256=model.sha256,
            quantisation=model.quantisation,
            context=self._roster.context_of(model.sha256) or model.context,
            is_embedding=model.is_embedding,
            input_price=model.prices.input,
            cached_input_price=model.prices.cached_input,
            output_price=model.prices.output,
            machines=len(machines),
            lending=sum(machine.is_lending for machine in machines),
            running=sum(machine.running(model.sha256) for machine in machines),
            waiting=line.waiting,
            waited_seconds=line.waited_seconds,
            waiting_accounts=line.accounts,
        )

    async def used(self, by: GroupedBy, days: int) -> UsageReport:
        """What was used since midnight UTC, `days` - 1 days before today."""
        now = self._now()
        since = start_of("day", Microseconds(now - (days - 1) * DAY_SECONDS * SECOND))
        lines = [
            UsageLine(
                of=self._called(by, total.of),
                requests=total.requests,
                prompt=total.prompt,
                cached=total.cached,
                answer=total.answer,
                cost=total.cost,
            )
            for total in await self._usage.totals(by, since=since)
        ]
        return UsageReport(by=by, since=seconds(since), lines=tuple(lines))

    async def newest_requests(self) -> tuple[RequestPicture, ...]:
        """The last that ended, newest first."""
        return self._pictures(await self._usage.rows(most=NEWEST_REQUESTS))

    async def request(self, word: str) -> tuple[RequestPicture, ...]:
        """The jobs of an x-request-id, or the job of that id. Raises: UnknownHere."""
        found = await self._usage.find(word)
        if not found:
            raise UnknownHere(
                "no request that ended here has that id",
                remedy="Give the x-request-id of an answer, or a job's id. Of requests that were "
                "refused at the door nothing is kept, and rows are dropped after their days.",
            )
        return self._pictures(found)

    def _pictures(self, rows: tuple[UsageRow, ...]) -> tuple[RequestPicture, ...]:
        found = []
        for row in rows:
            project = self._accounts.project(row.project)
            found.append(
                request_picture(
                    row,
                    account=self._name_of(row.account),
                    project=row.project if project is None else project.name,
                )
            )
        return tuple(found)

    def _name_of(self, account: AccountId) -> str:
        found = self._accounts.get(account)
        return account if found is None else found.name

    def _called(self, by: GroupedBy, of: str) -> str:
        """What people call what rows name by its id."""
        match by:
            case "account":
                return next((e.name for e in self._accounts.all() if e.id == of), of)
            case "project":
                for account in self._accounts.all():
                    for project in self._accounts.projects(account.id):
                        if project.id == of:
                            return f"{account.name} / {project.name}"
                return of
            case "caller" | "model":
                return of

    # --- machines ----------------------------------------------------------------------------

    async def machines(self, account: str = "") -> MachineList:
        """Every machine, or those of an account by its id; connected ones first."""
        since = self._strikes_since()
        strikes = await self._devices.strikes(since=since)
        counts = await self._devices.strike_counts(since=since)
        shown = [
            self._machine(device, counts.get(device.id, 0))
            for device in self._devices.all()
            if account in ("", device.account)
        ]
        shown.sort(key=lambda each: (not each.is_connected, each.removed_at is not None))
        names = {device.id: device.name for device in self._devices.all()}
        return MachineList(
            machines=tuple(shown),
            strikes=tuple(
                strike_picture(strike, machine=names.get(strike.device, strike.device))
                for strike in strikes
            ),
        )

    def device(self, name_or_id: str) -> Device:
        """The machine that is meant: by its key, the key's beginning, or a name that one has.

        Raises: UnknownHere.
        """
        every = self._devices.all()
        for fits in (
            [each for each in every if each.id == name_or_id],
            [each for each in every if each.name == name_or_id and each.removed_at is None],
            [each for each in every if len(name_or_id) >= 8 and each.id.startswith(name_or_id)],
        ):
            if len(fits) == 1:
                return fits[0]
        raise UnknownHere(
            f"there is no machine {name_or_id!r}, or several are called so",
            remedy="`athanor pool machines list` shows their keys.",
        )

    async def remove(self, name_or_id: str) -> MachinePicture:
        """The machine may not connect from now on; the host ends its session.

        Raises: UnknownHere.
        """
        device = self.device(name_or_id)
        await self._devices.remove(device.id)
        self._end_session(device.id, "this machine was removed from the pool")
        counts = await self._devices.strike_counts(since=self._strikes_since())
        return self._machine(self.device(device.id), counts.get(device.id, 0))

    async def forgive(self, name_or_id: str) -> MachinePicture:
        """Nothing is held against the machine any more. Raises: UnknownHere."""
        device = self.device(name_or_id)
        await self._watchman.forgive(device.id)
        return self._machine(device, 0)

    def _strikes_since(self) -> Microseconds:
        return Microseconds(self._now() - STRIKE_DAYS * DAY_SECONDS * SECOND)

    def _machine(self, device: Device, strikes: int) -> MachinePicture:
        account = self._accounts.get(device.account)
        assert account is not None, "a device belongs to an account"
        return machine_picture(
            device,
            self._roster.get(DeviceId(device.id)),
            account=account.name,
            strikes=strikes,
            paused=self._dispatch.standing.paused(device.id, self._now()),
        )

    # --- audit -------------------------------------------------------------------------------

    async def audit(self) -> AuditPicture:
        """Everything rebuilt, and what does not agree; other work goes on."""
        began = self._now()
        faults: list[str] = []
        events = 0
        try:
            books = await self._books.audit()
        except AthanorError as error:
            faults.append(f"the books cannot be read: {error.message}")
        else:
            events = books.events
            faults += [f"{each.subject} {each.name}: {each.what}" for each in books.findings]
            unnamed = books.mismatched + books.unreadable - len(books.findings)
            if unnamed > 0:
                faults.append(f"and {unnamed} more that do not agree")
        receipts, found = await audit_chain(
            self._receipts, self._books, pool=PoolId(self._signer.public), verify=self._verify
        )
        faults += [*self._doubts(), *found, *await audit_usage(self._usage, self._books)]
        self._audit = AuditPicture(
            holds=not faults,
            events=events,
            accounts=len(self._accounts.all()),
            receipts=receipts,
            seconds=round((self._now() - began) / SECOND, 3),
            faults=tuple(faults[:FAULTS_MAX]),
            at=seconds(self._now()),
        )
        if faults:
            log.error("the audit found what does not agree", extra={"faults": len(faults)})
        else:
            log.info("audited", extra={"events": events, "receipts": receipts})
        return self._audit

    @property
    def last_audit(self) -> AuditPicture | None:
        """The last result; None before the first."""
        return self._audit
