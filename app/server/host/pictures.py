"""Pictures: what is stored of accounts, keys, invites and machines, as the operator is shown it."""

from collections.abc import Iterable

from app.core.base.units import SECOND, Microseconds
from app.server.host.limiter import Use
from app.server.host.roster import Machine
from app.server.storage.accounts import Account, Project
from app.server.storage.books_reader import Balance
from app.server.storage.devices import Device, Strike
from app.server.storage.invites import Invite
from app.server.storage.pool_keys import PoolKey
from app.server.storage.usage import UsageRow
from app.wire.pool_admin import (
    AccountPicture,
    LimitPicture,
    MachinePicture,
    ProjectPicture,
    RequestPicture,
    StrikePicture,
)
from app.wire.pool_keys import (
    InvitePicture,
    PoolKeyPicture,
)


def seconds(at: Microseconds) -> float:
    """A moment as people's programs take it."""
    return at / SECOND


def seconds_or_none(at: Microseconds | None) -> float | None:
    """The same of one that need not be."""
    return None if at is None else seconds(at)


def account_picture(
    account: Account, balance: Balance | None, *, machines: int, keys: int
) -> AccountPicture:
    """An account in one line; `balance` is None where the books have nothing of it."""
    return AccountPicture(
        id=account.id,
        name=account.name,
        state=account.state,
        reason=account.reason,
        is_vetted=account.is_vetted,
        weight=account.weight,
        made_at=seconds(account.made_at),
        balance=0 if balance is None else balance.balance,
        held=0 if balance is None else balance.held,
        owed=0 if balance is None else balance.owed,
        machines=machines,
        keys=keys,
    )


def project_picture(project: Project) -> ProjectPicture:
    """A project."""
    return ProjectPicture(
        id=project.id,
        account=project.account,
        name=project.name,
        made_at=seconds(project.made_at),
        closed_at=seconds_or_none(project.closed_at),
    )


def key_picture(
    key: PoolKey, *, account: str, project: Project, now: Microseconds
) -> PoolKeyPicture:
    """A key, never its secret."""
    return PoolKeyPicture(
        id=key.id,
        name=key.name,
        shown=key.shown,
        account=account,
        project=project.name,
        scopes=key.scopes,
        made_at=seconds(key.made_at),
        expires_at=seconds_or_none(key.expires_at),
        last_used_at=seconds_or_none(key.last_used_at),
        revoked_at=seconds_or_none(key.revoked_at),
        is_live=key.is_live(now) and project.closed_at is None,
    )


def invite_picture(invite: Invite, *, account: str, now: Microseconds) -> InvitePicture:
    """An invite, never its text."""
    return InvitePicture(
        id=invite.id,
        kind=invite.kind,
        account=account,
        name=invite.name,
        credits=invite.credits,
        uses=invite.uses,
        uses_max=invite.uses_max,
        made_at=seconds(invite.made_at),
        expires_at=seconds(invite.expires_at),
        revoked_at=seconds_or_none(invite.revoked_at),
        is_live=invite.is_live(now),
    )


def machine_picture(
    device: Device, machine: Machine | None, *, account: str, strikes: int, paused: str
) -> MachinePicture:
    """A member's machine; `machine` is None while it is not connected."""
    plain = MachinePicture(
        id=device.id,
        name=device.name,
        account=account,
        joined_at=seconds(device.joined_at),
        removed_at=seconds_or_none(device.removed_at),
        strikes=strikes,
        paused=paused,
    )
    if machine is None:
        return plain
    register, heartbeat = machine.register, machine.heartbeat
    return MachinePicture(
        id=device.id,
        name=machine.name,
        account=account,
        joined_at=plain.joined_at,
        removed_at=plain.removed_at,
        strikes=strikes,
        paused=paused,
        is_connected=True,
        is_lending=machine.is_lending,
        reasons=() if heartbeat is None else heartbeat.reasons,
        running=len(machine.jobs),
        models=tuple(sorted(model.name for model in machine.models.values())),
        gpu="" if register is None else register.gpu,
        gpu_memory_bytes=0 if register is None else register.gpu_memory_bytes,
        runtime="" if register is None else register.runtime,
        program=machine.program,
        circle="" if register is None else register.circle,
    )


def strike_picture(strike: Strike, *, machine: str) -> StrikePicture:
    """A strike; `machine` is the name of whose it is."""
    return StrikePicture(
        machine=machine,
        kind=strike.kind,
        reason=strike.reason,
        job=strike.job,
        at=seconds(strike.at),
    )


def request_picture(row: UsageRow, *, account: str, project: str) -> RequestPicture:
    """A job that ended; `account` and `project` are what people call them."""
    return RequestPicture(
        request=row.request,
        job=row.job,
        at=seconds(row.at),
        account=account,
        project=project,
        caller=row.caller,
        address=row.address or "",
        model=row.model,
        status=row.status,
        prompt=row.prompt,
        cached=row.cached,
        answer=row.answer,
        reasoning=row.reasoning,
        cost=row.cost,
        first_ms=row.first_ms,
        total_ms=row.total_ms,
        attempts=row.attempts,
    )


def limit_pictures(uses: Iterable[Use]) -> tuple[LimitPicture, ...]:
    """Limits, and how full they are."""
    return tuple(
        LimitPicture(
            measure=use.limit.measure,
            period=use.limit.period,
            amount=use.limit.amount,
            used=use.used,
        )
        for use in uses
    )
