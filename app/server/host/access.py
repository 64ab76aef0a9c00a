"""Access: who may come in, and how much they may ask.

    caller = access.authenticate(secret, address)       Unauthorized, Forbidden, LimitReached
    admission = access.admit(caller, Amounts(...))      LimitReached, RequestError
    admission.claim(micros)        ; admission.settle(Amounts(...))

Whatever is wrong with a key, the answer is one and the same, after the same work: who guesses
learns nothing. That an account is paused is told only to who has its key.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn, Self, final

import msgspec

from app.core.base.errors import (
    AthanorError,
    Forbidden,
    LimitReached,
    RequestError,
    Unauthorized,
)
from app.core.base.ids import AccountId, DeviceId, ProjectId
from app.core.base.units import SECOND, Microseconds
from app.core.member.credits import credits_text
from app.core.pool.limits import Amounts, Exceeded, Limit, Measure, Room, Subject
from app.server.host.caller import PoolCaller, place_of
from app.server.host.limiter import Charge, Holder, Limiter, Use
from app.server.storage.accounts import Account, Accounts
from app.server.storage.devices import Devices
from app.server.storage.limits import LimitKind, Limits
from app.server.storage.pool_keys import PoolKeys

WRONG_KEYS: Final = Limit("requests", "minute", 20)
"""Wrong keys of one address: guessing is hopeless, but a log and a processor can be filled."""

_ADDRESS: Final[Subject] = "address"


@final
class DefaultLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds where an operator set nothing for a key, a project or an account."""

    key: tuple[Limit, ...] = ()
    project: tuple[Limit, ...] = ()
    account: tuple[Limit, ...] = (
        Limit("requests", "minute", 600),
        Limit("tokens", "minute", 2_000_000),
    )
    address: tuple[Limit, ...] = (Limit("requests", "minute", 1200),)

    @classmethod
    def a_minute(cls, *, requests: int, tokens: int, address_requests: int) -> Self:
        """Of an account and of an address, as settings say them; 0 sets no limit."""
        return cls(
            account=(
                *((Limit("requests", "minute", requests),) if requests else ()),
                *((Limit("tokens", "minute", tokens),) if tokens else ()),
            ),
            address=(Limit("requests", "minute", address_requests),) if address_requests else (),
        )

    def of(self, subject: Subject) -> tuple[Limit, ...]:
        """Those of one kind."""
        return {
            "key": self.key,
            "project": self.project,
            "account": self.account,
            "address": self.address,
        }[subject]


@final
class Access:
    """The door of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        keys: PoolKeys,
        devices: Devices,
        limits: Limits,
        limiter: Limiter,
        now: Callable[[], Microseconds],
        defaults: DefaultLimits,
    ) -> None:
        self._accounts, self._keys, self._devices = accounts, keys, devices
        self._limits, self._limiter, self._now = limits, limiter, now
        self._defaults = defaults
        self._prove_that_limits_refuse()

    # --- who it is ---------------------------------------------------------------------------

    def authenticate(self, secret: str, address: str) -> PoolCaller:
        """Who comes with this key. Raises: Unauthorized; Forbidden; LimitReached."""
        key = self._keys.verify(secret)
        project = None if key is None else self._accounts.project(key.project)
        if key is None or project is None or project.closed_at is not None:
            self._refuse_key(address)
        self._check_state(project.account)
        return PoolCaller(
            account=project.account,
            project=project.id,
            who=f"key {key.id}",
            scopes=key.scopes,
            address=address,
        )

    def member(self, device: DeviceId, address: str = "") -> PoolCaller:
        """A machine that has proved its key, and asks for its account.

        Raises: Unauthorized where it does not belong to the pool; Forbidden.
        """
        found = self._devices.get(device)
        if found is None:
            raise Unauthorized("this machine does not belong to the pool")
        self._check_state(found.account)
        return PoolCaller(
            account=found.account,
            project=self._accounts.projects(found.account)[0].id,
            who=f"device {device}",
            address=address,
        )

    def fingerprint(self, secret: str, body: bytes) -> bytes:
        """Of a request, for Idempotency: useless to whoever has not the caller's secret."""
        return hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).digest()

    # --- how much ----------------------------------------------------------------------------

    def admit(self, caller: PoolCaller, asked: Amounts) -> "Admission":
        """The request is let in and counted against every limit of its caller.

        Raises: LimitReached; RequestError where it is more than a limit allows at all.
        """
        return self._admitted(self._limits_of(caller), asked)

    @contextmanager
    def looking(self, caller: PoolCaller, *, requests: int) -> Iterator[None]:
        """Inside the block a request is looked at, which is work: where it is wrong in itself it
        has counted; where all is well it is admitted afterwards.

        Raises: LimitReached, before anything is looked at.
        """
        admission = self.admit(caller, Amounts(requests=requests))
        try:
            yield
        except RequestError:
            admission.settle(Amounts(requests=requests))
            raise
        finally:
            admission.settle(Amounts(requests=0))

    def uses(self, caller: PoolCaller) -> tuple[Use, ...]:
        """Every limit of the caller's key, project and account, and what is used of it."""
        return self._limiter.uses(self._own_limits(caller))

    def room(self, caller: PoolCaller, measure: Measure) -> Room | None:
        """What the tightest of them leaves; None where there is none."""
        return self._limiter.room(self._own_limits(caller), measure)

    def uses_of(self, kind: LimitKind, subject: str) -> tuple[Use, ...]:
        """The same of one key, project or account."""
        return self._limiter.uses(self._of(kind, subject))

    def check_place(self, address: str, limit: Limit) -> None:
        """Count by address alone, such as invites that are tried. Raises: LimitReached."""
        self._admitted([(Holder(_ADDRESS, f"{limit.period} {place_of(address)}"), limit)],
                       Amounts())  # fmt: skip

    def _own_limits(self, caller: PoolCaller) -> list[tuple[Holder, Limit]]:
        return [
            *self._of("account", caller.account),
            *self._of("project", caller.project),
            *(self._of("key", caller.key_id) if caller.key_id is not None else ()),
        ]

    def _limits_of(self, caller: PoolCaller) -> list[tuple[Holder, Limit]]:
        found = self._own_limits(caller)
        if caller.address:
            place = Holder(_ADDRESS, place_of(caller.address))
            found += [(place, limit) for limit in self._defaults.address]
        return found

    def _of(self, kind: LimitKind, subject: str) -> list[tuple[Holder, Limit]]:
        """What was set, and the defaults of measures and periods that were not."""
        own = (_PROBE,) if subject == _SELF_TEST else self._limits.of(kind, subject)
        named = {(limit.measure, limit.period) for limit in own}
        rest = [
            limit for limit in self._defaults.of(kind) if (limit.measure, limit.period) not in named
        ]
        return [(Holder(kind, subject), limit) for limit in (*own, *rest)]

    def _admitted(self, limits: Sequence[tuple[Holder, Limit]], asked: Amounts) -> "Admission":
        found = self._limiter.charge(limits, asked)
        if isinstance(found, Exceeded):
            raise refusal(found, self._now())
        return Admission(found)

    # --- refusals ----------------------------------------------------------------------------

    def _check_state(self, account: AccountId) -> None:
        found = self._accounts.get(account)
        assert found is not None, "projects and devices belong to accounts"
        raise_if_stopped(found)

    def _refuse_key(self, address: str) -> NoReturn:
        # Only wrong keys are counted: who shares an address with a guesser is let in as before.
        wrong = Holder(_ADDRESS, f"wrong keys {place_of(address)}")
        self._admitted([(wrong, WRONG_KEYS)], Amounts())
        raise Unauthorized(
            "the API key is not known, has expired or was revoked",
            remedy="Send the key of this pool as `Authorization: Bearer athp_...`.",
        )

    def _prove_that_limits_refuse(self) -> None:
        """A limit that lets everything pass is worse than none: see that this one does not."""
        probe = PoolCaller(
            account=AccountId(_SELF_TEST), project=ProjectId(_SELF_TEST), who=f"key {_SELF_TEST}"
        )
        try:
            for _ in range(_PROBE.amount + 1):
                self.admit(probe, Amounts())
        except (LimitReached, RequestError):
            return
        raise AthanorError("the limits of this host refuse nothing: it must not be opened")


_SELF_TEST: Final = "self-test"
_PROBE: Final = Limit("requests", "month", 1)
"""The limit of a key that nobody has."""


@final
class Admission:
    """A request that was let in. Settled once, however it ends."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge

    def claim(self, credits_: int) -> int:
        """How many of so many micros more the limits let pass; those count from now on."""
        while credits_ > 0:
            found = self._charge.extend(Amounts(credits=credits_))
            if found is None:
                return credits_
            # Another limit may have less left than the one that is told.
            credits_ = min(credits_ - 1, found.left)
        return 0

    def settle(self, actual: Amounts) -> None:
        """What it really took; `Amounts(requests=0)` for what came to nothing. Once."""
        self._charge.settle(actual)


def raise_if_stopped(account: Account) -> None:
    """Raises Forbidden, with the reason, for an account that is paused or closed."""
    if account.state == "active":
        return
    reason = f": {account.reason}" if account.reason else ""
    raise Forbidden(
        f"this account is {account.state}{reason}", remedy="Ask the host of the pool about it."
    )


def refusal(exceeded: Exceeded, now: Microseconds) -> AthanorError:
    """What a caller is told: which limit, what is left of it, and when to come again."""
    limit, whose = exceeded.limit, f"this {exceeded.subject}"
    allowed = f"{whose} may use {_amount(limit)} a {limit.period}"
    if exceeded.again_at is None:
        return RequestError(
            f"{allowed}, and this request needs {_worth(limit, exceeded.asked)} at once",
            remedy="Ask for less in one request, or ask the host of the pool for a higher limit.",
        )
    seconds = max(1, -(-(exceeded.again_at - now) // SECOND))
    return LimitReached(
        f"{allowed}; {_worth(limit, exceeded.left)} are left, and this request needs "
        f"{_worth(limit, exceeded.asked)}",
        retry_after_seconds=seconds,
        remedy=f"Send it again in {_wait(seconds)}.",
    )


def _amount(limit: Limit) -> str:
    return f"{_worth(limit, limit.amount)} {limit.measure}"


def _worth(limit: Limit, amount: int) -> str:
    return credits_text(amount) if limit.measure == "credits" else f"{amount:,}"


def _wait(seconds: int) -> str:
    for length, noun in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {noun}"
    return f"{seconds} s"
