"""/local/host: what the operator's terminal asks the host (wire/pool_admin.py lists all of it)."""

from typing import Final

from litestar import delete, get, patch, post, put
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.numbers import whole_number
from app.server.host.pictures import project_picture
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.invalid import invalid
from app.server.web.openai.serving import json_response
from app.server.web.pool.desk import Desk, desk_of
from app.wire.pool_admin import (
    AccountChange,
    AccountDetail,
    AccountList,
    AccountPicture,
    AccountRequest,
    AuditPicture,
    ClawbackAnswer,
    ClawbackRequest,
    FriendRequest,
    GrantAnswer,
    GrantRequest,
    HostPicture,
    LimitList,
    LimitRequest,
    LimitSubject,
    MachineList,
    MachinePicture,
    OfferList,
    ProjectPicture,
    ProjectRequest,
    RequestList,
    UsageBy,
    UsageReport,
)
from app.wire.pool_keys import (
    InviteList,
    InviteMade,
    InvitePicture,
    InviteRequest,
    PoolKeyList,
    PoolKeyMade,
    PoolKeyPicture,
    PoolKeyRequest,
)

_LOCAL = ["local"]
_DAYS_MAX: Final = 3660
_SUBJECTS: Final[tuple[LimitSubject, ...]] = ("key", "project", "account")
_BY: Final[tuple[UsageBy, ...]] = ("account", "project", "caller", "model")


@get("/local/host", guards=[administer], summary="The pool in a few figures", tags=_LOCAL,
     responses={200: ResponseSpec(HostPicture)})  # fmt: skip
async def overview(request: ApiRequest) -> ASGIApp:
    """For `athanor pool status` of the host."""
    return json_response(await desk_of(request).view.overview())


# --- accounts ------------------------------------------------------------------------------------


@get("/local/host/accounts", guards=[administer], summary="Every account", tags=_LOCAL,
     responses={200: ResponseSpec(AccountList)})  # fmt: skip
async def accounts(request: ApiRequest) -> ASGIApp:
    """Closed ones too, oldest first."""
    return json_response(AccountList(accounts=await desk_of(request).accounts_desk.all()))


@post("/local/host/accounts", guards=[administer], status_code=200, summary="Make an account",
      tags=_LOCAL, responses={200: ResponseSpec(AccountPicture)})  # fmt: skip
async def make_account(data: JsonBody[AccountRequest], request: ApiRequest) -> ASGIApp:
    """It begins with one project and no credits."""
    return json_response(await desk_of(request).accounts_desk.create(data.name))


@get("/local/host/accounts/{account:str}", guards=[administer], summary="One account",
     tags=_LOCAL, responses={200: ResponseSpec(AccountDetail)})  # fmt: skip
async def account(request: ApiRequest) -> ASGIApp:
    """With all that belongs to it."""
    return json_response(await detail_of(desk_of(request), _named(request, "account")))


@patch("/local/host/accounts/{account:str}", guards=[administer], summary="Change an account",
       tags=_LOCAL, responses={200: ResponseSpec(AccountPicture)})  # fmt: skip
async def change_account(data: JsonBody[AccountChange], request: ApiRequest) -> ASGIApp:
    """Paused ones are told why; closed is for good."""
    desk = desk_of(request)
    return json_response(await desk.accounts_desk.change(_named(request, "account"), data))


@delete(
    "/local/host/accounts/{account:str}",
    guards=[administer],
    status_code=200,
    summary="Forget an account",
    tags=_LOCAL,
    responses={200: ResponseSpec(AccountPicture)},
)
async def forget_account(request: ApiRequest) -> ASGIApp:
    """Closed, and without all that says who it was; the books stay."""
    return json_response(await desk_of(request).accounts_desk.forget(_named(request, "account")))


@post("/local/host/grants", guards=[administer], status_code=200, summary="Grant credits",
      tags=_LOCAL, responses={200: ResponseSpec(GrantAnswer)})  # fmt: skip
async def grant(data: JsonBody[GrantRequest], request: ApiRequest) -> ASGIApp:
    """In the books when this answers."""
    return json_response(await desk_of(request).accounts_desk.grant(data))


@post("/local/host/clawbacks", guards=[administer], status_code=200, tags=_LOCAL,
      summary="Take back what a grant gave",
      responses={200: ResponseSpec(ClawbackAnswer)})  # fmt: skip
async def claw_back(data: JsonBody[ClawbackRequest], request: ApiRequest) -> ASGIApp:
    """What was spent of it the account owes from then on."""
    return json_response(await desk_of(request).accounts_desk.claw_back(data))


@post("/local/host/projects", guards=[administer], status_code=200, summary="Make a project",
      tags=_LOCAL, responses={200: ResponseSpec(ProjectPicture)})  # fmt: skip
async def make_project(data: JsonBody[ProjectRequest], request: ApiRequest) -> ASGIApp:
    """With keys and limits of its own."""
    return json_response(await desk_of(request).accounts_desk.create_project(data.account,
                                                                            data.name))  # fmt: skip


@delete("/local/host/projects/{project:str}", guards=[administer], status_code=200,
        summary="Close a project", tags=_LOCAL,
        responses={200: ResponseSpec(ProjectPicture)})  # fmt: skip
async def close_project(request: ApiRequest) -> ASGIApp:
    """Its keys are refused from now on."""
    desk = desk_of(request)
    return json_response(await desk.accounts_desk.close_project(_named(request, "project")))


@post("/local/host/friends", guards=[administer], status_code=200, summary="Make two friends",
      tags=_LOCAL, responses={200: ResponseSpec(AccountDetail)})  # fmt: skip
async def friends(data: JsonBody[FriendRequest], request: ApiRequest) -> ASGIApp:
    """Or no longer."""
    desk = desk_of(request)
    found = await desk.accounts_desk.set_friends(data)
    return json_response(await detail_of(desk, found.id))


@get("/local/host/limits/{subject:str}/{name:str}", guards=[administer], tags=_LOCAL,
     summary="The limits of a key, a project or an account",
     responses={200: ResponseSpec(LimitList)})  # fmt: skip
async def limits_of(request: ApiRequest) -> ASGIApp:
    """Defaults included, and how much is used."""
    subject = next((each for each in _SUBJECTS if each == request.path_params["subject"]), None)
    if subject is None:
        raise invalid("subject", f"must be one of {', '.join(_SUBJECTS)}")
    desk = desk_of(request)
    return json_response(desk.accounts_desk.limits(subject, _named(request, "name")))


@put("/local/host/limits", guards=[administer], summary="Set a limit", tags=_LOCAL,
     responses={200: ResponseSpec(LimitList)})  # fmt: skip
async def limits(data: JsonBody[LimitRequest], request: ApiRequest) -> ASGIApp:
    """It holds from the next request on."""
    return json_response(await desk_of(request).accounts_desk.set_limit(data))


# --- keys and invites ----------------------------------------------------------------------------


@get("/local/host/keys", guards=[administer], summary="Every key", tags=_LOCAL,
     responses={200: ResponseSpec(PoolKeyList)})  # fmt: skip
async def keys(request: ApiRequest) -> ASGIApp:
    """Revoked ones too, oldest first."""
    return json_response(PoolKeyList(keys=desk_of(request).keys_desk.keys()))


@post("/local/host/keys", guards=[administer], status_code=200, tags=_LOCAL,
      summary="Make a key; it is shown this once",
      responses={200: ResponseSpec(PoolKeyMade)})  # fmt: skip
async def make_key(data: JsonBody[PoolKeyRequest], request: ApiRequest) -> ASGIApp:
    """For an account's project."""
    return json_response(await desk_of(request).keys_desk.make_key(data))


@delete("/local/host/keys/{key:str}", guards=[administer], status_code=200,
        summary="Revoke a key", tags=_LOCAL,
        responses={200: ResponseSpec(PoolKeyPicture)})  # fmt: skip
async def revoke_key(request: ApiRequest) -> ASGIApp:
    """It is refused from now on."""
    return json_response(await desk_of(request).keys_desk.revoke_key(_named(request, "key")))


@get("/local/host/invites", guards=[administer], summary="Every invite", tags=_LOCAL,
     responses={200: ResponseSpec(InviteList)})  # fmt: skip
async def invites(request: ApiRequest) -> ASGIApp:
    """Newest first, never their texts."""
    return json_response(InviteList(invites=desk_of(request).keys_desk.invites()))


@post("/local/host/invites", guards=[administer], status_code=200, tags=_LOCAL,
      summary="Make an invite; its text is shown this once",
      responses={200: ResponseSpec(InviteMade)})  # fmt: skip
async def make_invite(data: JsonBody[InviteRequest], request: ApiRequest) -> ASGIApp:
    """Signed by the pool's key."""
    desk = desk_of(request)
    return json_response(await desk.keys_desk.make_invite(data, desk.view.name))


@delete("/local/host/invites/{invite:str}", guards=[administer], status_code=200,
        summary="Revoke an invite", tags=_LOCAL,
        responses={200: ResponseSpec(InvitePicture)})  # fmt: skip
async def revoke_invite(request: ApiRequest) -> ASGIApp:
    """It is useless from now on."""
    desk = desk_of(request)
    return json_response(await desk.keys_desk.revoke_invite(_named(request, "invite")))


# --- what goes on --------------------------------------------------------------------------------


@get("/local/host/machines", guards=[administer], summary="Every machine", tags=_LOCAL,
     responses={200: ResponseSpec(MachineList)})  # fmt: skip
async def machines(request: ApiRequest) -> ASGIApp:
    """Connected ones first, and the newest strikes."""
    return json_response(await desk_of(request).view.machines())


@delete("/local/host/machines/{machine:str}", guards=[administer], status_code=200,
        summary="Remove a machine", tags=_LOCAL,
        responses={200: ResponseSpec(MachinePicture)})  # fmt: skip
async def remove_machine(request: ApiRequest) -> ASGIApp:
    """It may not come back without a new invite."""
    return json_response(await desk_of(request).view.remove(_named(request, "machine")))


@post("/local/host/machines/{machine:str}/forgive", guards=[administer], status_code=200,
      summary="Forgive a machine", tags=_LOCAL,
      responses={200: ResponseSpec(MachinePicture)})  # fmt: skip
async def forgive_machine(request: ApiRequest) -> ASGIApp:
    """Nothing is held against it any more."""
    return json_response(await desk_of(request).view.forgive(_named(request, "machine")))


@get("/local/host/models", guards=[administer], summary="What is offered", tags=_LOCAL,
     responses={200: ResponseSpec(OfferList)})  # fmt: skip
async def models(request: ApiRequest) -> ASGIApp:
    """By prices.toml, and who serves it."""
    return json_response(await desk_of(request).view.models_today())


@post(
    "/local/host/models",
    guards=[administer],
    status_code=200,
    summary="Read prices.toml again",
    tags=_LOCAL,
    responses={200: ResponseSpec(OfferList)},
)
async def reread_models(request: ApiRequest) -> ASGIApp:
    """What is not offered, and why, is told with it."""
    return json_response(await desk_of(request).view.reread_prices())


@get("/local/host/usage", guards=[administer], summary="What was used", tags=_LOCAL,
     responses={200: ResponseSpec(UsageReport)})  # fmt: skip
async def usage(request: ApiRequest) -> ASGIApp:
    """By account, project, caller or model, dearest first."""
    by, days = request.query_params.get("by", "account"), request.query_params.get("days", "30")
    found = next((each for each in _BY if each == by), None)
    if found is None:
        raise invalid("by", f"must be one of {', '.join(_BY)}")
    count = whole_number(days)
    if count is None or not 1 <= count <= _DAYS_MAX:
        raise invalid("days", f"must be 1 to {_DAYS_MAX}")
    return json_response(await desk_of(request).view.used(found, count))


@get("/local/host/requests", guards=[administer], summary="Requests that ended", tags=_LOCAL,
     responses={200: ResponseSpec(RequestList)})  # fmt: skip
async def requests(request: ApiRequest) -> ASGIApp:
    """Those of an x-request-id or of a job, by `id`; the newest without it."""
    view, wanted = desk_of(request).view, request.query_params.get("id", "")
    found = await (view.request(wanted) if wanted else view.newest_requests())
    return json_response(RequestList(requests=found))


@post("/local/host/audit", guards=[administer], status_code=200, summary="Audit the books",
      tags=_LOCAL, responses={200: ResponseSpec(AuditPicture)})  # fmt: skip
async def audit(request: ApiRequest) -> ASGIApp:
    """Every balance rebuilt, every receipt checked."""
    return json_response(await desk_of(request).view.audit())


ADMIN_HANDLERS: Final = (
    overview, accounts, make_account, account, change_account, forget_account, grant,
    claw_back, make_project, close_project, friends, limits_of, limits, keys, make_key, revoke_key,
    invites, make_invite, revoke_invite,
    machines, remove_machine, forgive_machine, models, reread_models, usage, requests,
    audit,
)  # fmt: skip
"""Mounted by the host's application."""


async def detail_of(desk: Desk, name_or_id: str) -> AccountDetail:
    """An account with all that belongs to it. Raises: UnknownHere."""
    found = desk.accounts_desk.find(name_or_id)
    return AccountDetail(
        account=await desk.accounts_desk.one(found),
        projects=tuple(map(project_picture, desk.accounts.projects(found.id))),
        keys=desk.keys_desk.keys(found.id),
        machines=(await desk.view.machines(found.id)).machines,
        friends=desk.accounts_desk.friends(found),
        limits=desk.accounts_desk.limits_of("account", found.id),
        credits=await desk.accounts_desk.credits_by_source(found),
    )


def _named(request: ApiRequest, parameter: str) -> str:
    return str(request.path_params[parameter])
