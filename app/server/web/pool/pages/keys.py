"""Keys and invites, on pages that make them, show them this once, and take them back."""

from typing import Final

from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.base.numbers import whole_number
from app.core.member.credits import micros_of
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.qr import qr_picture
from app.server.web.pool.desk import desk_of
from app.server.web.pool.pages.frame import INVITES, POOL_KEYS, closed_page, is_open, pool_page
from app.wire.pool_keys import InviteFor, InviteMade, InviteRequest, PoolKeyMade, PoolKeyRequest

_KINDS: Final[tuple[InviteFor, ...]] = ("account", "device", "friend")


@get(POOL_KEYS.path, include_in_schema=False)
async def keys(request: ApiRequest) -> ASGIApp:
    """Every key."""
    return _keys_page(request, None) if is_open(request) else closed_page(request)


@post("/dashboard/poolkeys", guards=[change], include_in_schema=False, status_code=200)
async def make_key(request: ApiRequest) -> ASGIApp:
    """A new key, with the only sight of it."""
    days = await field(request, "days")
    asked = PoolKeyRequest(
        account=await field(request, "account"),
        name=await field(request, "name"),
        project=await field(request, "project") or "default",
        scopes=("metrics",) if await field(request, "metrics") else ("inference", "billing"),
        expires_days=_whole(days, "days", 36_500) if days else None,
    )
    return _keys_page(request, await desk_of(request).keys_desk.make_key(asked))


@post("/dashboard/poolkeys/revoke", guards=[change], include_in_schema=False, status_code=200)
async def revoke_key(request: ApiRequest) -> ASGIApp:
    """The key is refused from now on."""
    key = await desk_of(request).keys_desk.revoke_key(await field(request, "key"))
    return done(request, f"{key.name} is revoked.", go=POOL_KEYS.path)


@get(INVITES.path, include_in_schema=False)
async def invites(request: ApiRequest) -> ASGIApp:
    """Every invite."""
    return _invites_page(request, None) if is_open(request) else closed_page(request)


@post("/dashboard/invites", guards=[change], include_in_schema=False, status_code=200)
async def make_invite(request: ApiRequest) -> ASGIApp:
    """A new invite, with the only sight of its text, and as a picture to be scanned."""
    desk, credits_ = desk_of(request), await field(request, "credits")
    wished = await field(request, "kind")
    kind: InviteFor = next((each for each in _KINDS if each == wished), "account")
    asked = InviteRequest(
        kind=kind,
        account="" if kind == "account" else await field(request, "account"),
        name=await field(request, "name", length_max=100),
        credits=_credits(credits_) if credits_ else 0,
        uses_max=_whole(await field(request, "uses") or "1", "uses", 10_000),
        days=float(_whole(await field(request, "days") or "7", "days", 366)),
    )
    return _invites_page(request, await desk.keys_desk.make_invite(asked, desk.view.name))


@post("/dashboard/invites/revoke", guards=[change], include_in_schema=False, status_code=200)
async def revoke_invite(request: ApiRequest) -> ASGIApp:
    """The invite is useless from now on."""
    await desk_of(request).keys_desk.revoke_invite(await field(request, "invite"))
    return done(request, "The invite is useless now.", go=INVITES.path)


KEYS_HANDLERS: Final = (keys, make_key, revoke_key, invites, make_invite, revoke_invite)


def _keys_page(request: ApiRequest, made: PoolKeyMade | None) -> ASGIApp:
    desk = desk_of(request)
    found = desk.keys_desk.keys()
    context = {
        "made": made,
        "live": [key for key in reversed(found) if key.is_live],
        "ended": [key for key in reversed(found) if not key.is_live],
        "accounts": _names(request),
    }
    return pool_page(request, POOL_KEYS, context)


def _invites_page(request: ApiRequest, made: InviteMade | None) -> ASGIApp:
    found = desk_of(request).keys_desk.invites()
    context = {
        "made": made,
        "picture": "" if made is None else qr_picture(made.qr),
        "live": [each for each in found if each.is_live],
        "ended": [each for each in found if not each.is_live],
        "accounts": _names(request),
    }
    return pool_page(request, INVITES, context)


def _names(request: ApiRequest) -> list[str]:
    """Accounts that something can be made for."""
    return [each.name for each in desk_of(request).accounts.all() if each.state != "closed"]


def _whole(text: str, name: str, most: int) -> int:
    """A number of a form. Raises: RequestError."""
    number = whole_number(text)
    if number is None or not 1 <= number <= most:
        raise RequestError(f"{name}: must be 1 to {most}", field=name)
    return number


def _credits(text: str) -> int:
    """Credits of a form. Raises: RequestError."""
    try:
        return micros_of(text)
    except ValueError:
        raise RequestError(
            "credits: must be an amount such as 5 or 0.25", field="credits"
        ) from None
