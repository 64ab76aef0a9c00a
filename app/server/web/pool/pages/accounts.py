"""Accounts and machines, on pages that change them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, final
from urllib.parse import quote

from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.member.credits import micros_of
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.pool.admin import detail_of
from app.server.web.pool.desk import Desk, desk_of
from app.server.web.pool.pages.frame import ACCOUNTS, MACHINES, closed_page, is_open, pool_page
from app.server.web.pool.services import host_of
from app.wire.pool_admin import (
    AccountChange,
    AccountDetail,
    FriendRequest,
    GrantRequest,
    GrantSource,
    LimitMeasure,
    LimitPeriod,
    LimitPicture,
    LimitRequest,
    LimitSubject,
)

W = TypeVar("W", bound=str)


@final
@dataclass(frozen=True, slots=True)
class Limited:
    """Whoever can have limits: an account, one of its projects, one of its keys."""

    kind: LimitSubject
    id: str
    label: str
    limits: tuple[LimitPicture, ...]


ACCOUNT_PATH: Final = "/dashboard/account"
_SOURCES: Final[tuple[GrantSource, ...]] = ("granted", "bought", "refunded")
_MEASURES: Final[tuple[LimitMeasure, ...]] = ("requests", "tokens", "credits")
_PERIODS: Final[tuple[LimitPeriod, ...]] = ("minute", "day", "month")
_SUBJECTS: Final[tuple[LimitSubject, ...]] = ("account", "project", "key")


@get(ACCOUNTS.path, include_in_schema=False)
async def accounts(request: ApiRequest) -> ASGIApp:
    """Every account."""
    if not is_open(request):
        return closed_page(request)
    found = await desk_of(request).accounts_desk.all()
    return pool_page(request, ACCOUNTS, {"accounts": found})


@post("/dashboard/accounts", guards=[change], include_in_schema=False, status_code=200)
async def make_account(request: ApiRequest) -> ASGIApp:
    """A new account, and its page."""
    made = await desk_of(request).accounts_desk.create(await field(request, "name"))
    return done(request, go=path_of(made.id))


@get(ACCOUNT_PATH, include_in_schema=False)
async def account(request: ApiRequest) -> ASGIApp:
    """One account with all that belongs to it."""
    if not is_open(request):
        return closed_page(request)
    desk = desk_of(request)
    found = await detail_of(desk, request.query_params.get("name", ""))
    others = [
        each.name
        for each in desk.accounts.all()
        if each.id != found.account.id and each.name not in found.friends
    ]
    context = {
        "detail": found,
        "others": others,
        "limited": limited(desk, found),
        "sources": _SOURCES,
        "measures": _MEASURES,
        "periods": _PERIODS,
        "title": found.account.name,
        "once": host_of(request).new_id(),
    }
    return pool_page(request, ACCOUNTS, context, template="account")


@post("/dashboard/account/grant", guards=[change], include_in_schema=False, status_code=200)
async def grant(request: ApiRequest) -> ASGIApp:
    """Put credits in."""
    name = await field(request, "account")
    asked = GrantRequest(
        account=name,
        amount=_micros(await field(request, "amount"), "amount"),
        source=_one_of(await field(request, "source"), _SOURCES, "source"),
        reason=await field(request, "reason", length_max=100),
        # Of the page that was drawn: sent twice by a doubtful click, it is one grant.
        id=await field(request, "once", length_max=100),
    )
    if asked.amount == 0:
        raise RequestError("amount: must be above 0", field="amount")
    await desk_of(request).accounts_desk.grant(asked)
    return done(request, "Granted.", go=path_of(name))


@post("/dashboard/account/state", guards=[change], include_in_schema=False, status_code=200)
async def change_account(request: ApiRequest) -> ASGIApp:
    """Pause, resume or close it; vet it, or no longer."""
    name, what = await field(request, "account"), await field(request, "what")
    reason = await field(request, "reason", length_max=300)
    changes: Mapping[str, AccountChange] = {
        "pause": AccountChange(state="paused", reason=reason),
        "resume": AccountChange(state="active"),
        "close": AccountChange(state="closed", reason=reason),
        "vet": AccountChange(is_vetted=True),
        "unvet": AccountChange(is_vetted=False),
    }
    if what not in changes:
        raise RequestError("what: is none of the things that can be done", field="what")
    await desk_of(request).accounts_desk.change(name, changes[what])
    return done(request, go=path_of(name))


@post("/dashboard/account/project", guards=[change], include_in_schema=False, status_code=200)
async def make_project(request: ApiRequest) -> ASGIApp:
    """A project more."""
    name = await field(request, "account")
    await desk_of(request).accounts_desk.create_project(name, await field(request, "name"))
    return done(request, go=path_of(name))


@post("/dashboard/account/friend", guards=[change], include_in_schema=False, status_code=200)
async def befriend(request: ApiRequest) -> ASGIApp:
    """A friend more, or one less."""
    name = await field(request, "account")
    asked = FriendRequest(
        account=name,
        friend=await field(request, "friend"),
        is_friend=not await field(request, "end"),
    )
    await desk_of(request).accounts_desk.set_friends(asked)
    return done(request, go=path_of(name))


@post("/dashboard/account/limit", guards=[change], include_in_schema=False, status_code=200)
async def limit(request: ApiRequest) -> ASGIApp:
    """Allow so much to it or to what belongs to it; an empty amount takes the limit away."""
    name, amount = await field(request, "account"), await field(request, "amount")
    kind, _, subject = (await field(request, "subject", length_max=100)).partition(" ")
    measure = _one_of(await field(request, "measure"), _MEASURES, "measure")
    asked = LimitRequest(
        subject=_one_of(kind, _SUBJECTS, "subject"),
        id=subject,
        measure=measure,
        period=_one_of(await field(request, "period"), _PERIODS, "period"),
        amount=None if not amount else _most(measure, amount),
    )
    await desk_of(request).accounts_desk.set_limit(asked)
    return done(request, go=path_of(name))


# --- machines ------------------------------------------------------------------------------------


@get(MACHINES.path, include_in_schema=False)
async def machines(request: ApiRequest) -> ASGIApp:
    """Every machine, and what was found wrong lately."""
    if not is_open(request):
        return closed_page(request)
    return pool_page(request, MACHINES, await machines_values(desk_of(request)))


@post("/dashboard/machines/change", guards=[change], include_in_schema=False, status_code=200)
async def change_machine(request: ApiRequest) -> ASGIApp:
    """Remove one, or forgive it."""
    desk, machine = desk_of(request), await field(request, "machine")
    match await field(request, "what"):
        case "remove":
            await desk.view.remove(machine)
        case "forgive":
            await desk.view.forgive(machine)
        case _:
            raise RequestError("what: is none of the things that can be done", field="what")
    return done(request, go=MACHINES.path)


async def machines_values(desk: Desk) -> Mapping[str, object]:
    """Of the cards of machines."""
    return {"found": await desk.view.machines()}


def limited(desk: Desk, detail: AccountDetail) -> list[Limited]:
    """The account, its open projects and its live keys, with the limits that each has."""
    of = desk.accounts_desk.limits_of
    account = detail.account
    found = [Limited("account", account.id, "the whole account", detail.limits)]
    for project in detail.projects:
        if project.closed_at is None:
            label = f"the project {project.name}"
            found.append(Limited("project", project.id, label, of("project", project.id)))
    for key in detail.keys:
        if key.is_live:
            label = f"the key {key.name} ({key.shown}…)"
            found.append(Limited("key", key.id, label, of("key", key.id)))
    return found


def path_of(account: str) -> str:
    """The page of one account."""
    return f"{ACCOUNT_PATH}?name={quote(account)}"


PEOPLE_HANDLERS: Final = (
    accounts, make_account, account, grant, change_account, make_project, befriend, limit,
    machines, change_machine,
)  # fmt: skip


def _micros(text: str, name: str) -> int:
    """Credits of a form. Raises: RequestError."""
    try:
        return micros_of(text)
    except ValueError:
        raise RequestError(
            f"{name}: must be an amount of credits such as 5 or 0.25", field=name
        ) from None


def _most(measure: Literal["requests", "tokens", "credits"], text: str) -> int:
    """The amount of a limit. Raises: RequestError."""
    if measure == "credits":
        return _micros(text, "amount")
    if not text.isdecimal() or len(text) > 15:
        raise RequestError("amount: must be a whole number", field="amount")
    return int(text)


def _one_of(text: str, words: tuple[W, ...], name: str) -> W:
    """The word that was chosen. Raises: RequestError."""
    for word in words:
        if text == word:
            return word
    raise RequestError(f"{name}: must be one of {', '.join(words)}", field=name)
