"""Reporting: what is kept of a request that ended, and what its limits are really charged.

One call ends a request for limits and for the rows that its account sees; the money is the books'
business. The days after which addresses and rows are dropped are the operator's choice.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.base.ids import AccountId, JobId, ProjectId, RequestId
from app.core.base.units import Micros, Microseconds
from app.core.pool.limits import Amounts, Limit, Period, start_of
from app.observe.pool_meters import PoolMeters
from app.server.host.access import Admission
from app.server.host.caller import PoolCaller
from app.server.host.limiter import Holder, Limiter
from app.server.host.offers import Offered
from app.server.storage.accounts import Accounts
from app.server.storage.limits import LimitKind
from app.server.storage.usage import GroupedBy, Total, Usage, UsageRow

SWEEP_SECONDS: Final = 3600.0

CAME_TO_NOTHING: Final = frozenset({"unfunded", "unserved", "refused", "failed"})
"""Ends of requests that count for no limit. Who leaves while it waits has made a request."""

_BUDGETS: Final[tuple[Period, ...]] = ("day", "month")


@final
class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A request that ended: counts, times and words, never what was said."""

    job: JobId
    request: RequestId = RequestId("")
    """By which whoever asked names it: see UsageRow."""
    model: str
    """As the pool calls it; "" where it has none of that name: a caller may write anything."""
    sha256: str = ""
    """Of the model that answered; "" where none did."""
    status: str
    """How it ended: "completed", or a word of core/base/errors or of core/pool/job."""
    prompt: int = 0
    """This and the next three as they were counted for the books: by what is paid."""
    cached: int = 0
    answer: int = 0
    reasoning: int = 0
    cost: Micros = Micros(0)
    first_ms: int | None = None
    total_ms: int = 0
    attempts: int = 0


@final
class Reporting:
    """What callers used. Used by one event loop."""

    def __init__(self, usage: Usage, now: Callable[[], Microseconds]) -> None:
        self._usage = usage
        self._now = now
        self.on_ended: Callable[[Ended], None] = _nothing
        """Told of each request that ended."""

    def record(self, caller: PoolCaller, admission: Admission | None, ended: Ended) -> None:
        """The request is over: its limits are charged what it took, and its row is written soon.

        `admission` is None where it was refused before it was let in.
        """
        self.on_ended(ended)
        if admission is not None:
            did_begin = ended.status not in CAME_TO_NOTHING
            admission.settle(
                Amounts(
                    requests=1 if did_begin else 0,
                    tokens=ended.prompt + ended.answer,
                    credits=ended.cost,
                )
            )
        self._usage.note(
            UsageRow(
                job=ended.job,
                request=ended.request,
                at=self._now(),
                account=caller.account,
                project=caller.project,
                caller=caller.who,
                model=ended.model,
                sha256=ended.sha256,
                status=ended.status,
                prompt=ended.prompt,
                cached=ended.cached,
                answer=ended.answer,
                reasoning=ended.reasoning,
                cost=ended.cost,
                first_ms=ended.first_ms,
                total_ms=ended.total_ms,
                attempts=ended.attempts,
                address=caller.address or None,
            )
        )

    async def record_late(self, account: AccountId, project: ProjectId, ended: Ended) -> None:
        """A job of an earlier run that its account paid: the row that went down with that run.

        By which key it was asked nobody knows any more, nor in which project. Once for a job.
        """
        if not await self._usage.find(ended.job):
            self.record(PoolCaller(account=account, project=project, who=""), None, ended)

    async def fill(self, limiter: Limiter) -> None:
        """Begin the budgets of this day and month with what the rows say was used of them."""
        now = self._now()
        groups: tuple[GroupedBy, ...] = ("caller", "project", "account")
        for period in _BUDGETS:
            for by in groups:
                for total in await self._usage.totals(by, since=start_of(period, now)):
                    holder = _holder(by, total)
                    if holder is not None:
                        limiter.begin_with(holder, period, _amounts(total), at=now)


async def begin_limit(
    usage: Usage,
    limiter: Limiter,
    kind: LimitKind,
    subject: str,
    limit: Limit,
    *,
    now: Microseconds,
) -> None:
    """A new limit of a day or month counts what its rows say was used; what is under way ends
    without counting for it.
    """
    if limit.period == "minute":
        return
    by, of = _row_of(kind, subject)
    since = start_of(limit.period, now)
    found = [total for total in await usage.totals(by, since=since) if total.of == of]
    used = _amounts(found[0]).of(limit.measure) if found else 0
    limiter.begin_one(Holder(kind, subject), limit, used)


def _row_of(kind: LimitKind, subject: str) -> tuple[GroupedBy, str]:
    """How rows name the key, project or account."""
    return ("caller", f"key {subject}") if kind == "key" else (kind, subject)


def meters_of(meters: PoolMeters) -> Callable[[Ended], None]:
    """What counts each request that ended."""

    def note(ended: Ended) -> None:
        meters.ended(
            model=ended.model,
            status=ended.status,
            prompt=ended.prompt,
            cached=ended.cached,
            answer=ended.answer,
            cost=ended.cost,
            attempts=ended.attempts,
            first_ms=ended.first_ms,
            total_ms=ended.total_ms,
        )

    return note


def late_reports(
    reporting: Reporting, accounts: Accounts, listed: Callable[[str], Offered | None]
) -> Callable[[AccountId, Ended], Awaitable[None]]:
    """What records a job of an earlier run. `listed`: a content on the host's list, or None."""

    async def report(account: AccountId, ended: Ended) -> None:
        found = accounts.get(account)
        if found is None or found.state == "closed":
            return  # it may have been forgotten, and is then told nothing
        offered = listed(ended.sha256)
        named = replace(ended, model="" if offered is None else offered.name)
        await reporting.record_late(account, accounts.projects(account)[0].id, named)

    return report


def _nothing(_: Ended) -> None:
    """Nobody listens yet."""


def _holder(by: GroupedBy, total: Total) -> Holder | None:
    if by == "caller":
        kind, _, found = total.of.partition(" ")
        return Holder("key", found) if kind == "key" else None
    return Holder("project" if by == "project" else "account", total.of)


def _amounts(total: Total) -> Amounts:
    return Amounts(requests=total.requests, tokens=total.prompt + total.answer, credits=total.cost)
