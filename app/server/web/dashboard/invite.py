"""Invite: what an opened link invites to, and the button that says yes.

Any page of the web can open a link of ours: what it brings is shown, and joined by a click alone.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.base.units import SECOND
from app.core.pool.invite import InviteFor
from app.core.state.pool_words import TOLD_TO_THE_HOST
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.pages import INVITE, SHARING, page_response
from app.server.web.services import Services, services_of

KINDS: Final[Mapping[InviteFor, str]] = {
    "account": "You get an account of your own in the pool.",
    "device": "This machine joins the account of whoever invites: one purse, one name.",
    "friend": "You get an account of your own, and the two of you compute for each other.",
}


@get(INVITE.path, include_in_schema=False)
async def invite(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, INVITE, _values(services_of(request)))


@post("/dashboard/invite/accept", guards=[change], include_in_schema=False, status_code=200)
async def accept(request: ApiRequest) -> ASGIApp:
    """Become a member by the invite that waits."""
    services = services_of(request)
    waiting = services.dashboard.invite
    if not waiting.text:
        raise RequestError("no invite waits any more", remedy="Open its link once more.")
    await services.pool.join(waiting.text, await field(request, "name") or services.machine)
    waiting.clear()
    return done(request, "This machine belongs to the pool.", go=SHARING.path)


@post("/dashboard/invite/decline", guards=[change], include_in_schema=False, status_code=200)
async def decline(request: ApiRequest) -> ASGIApp:
    """Forget the invite."""
    services_of(request).dashboard.invite.clear()
    return done(request, "The invite is forgotten; nothing was joined.", go=SHARING.path)


def _values(services: Services) -> Mapping[str, object]:
    text, pool = services.dashboard.invite.text, services.hub.state.pool
    values: dict[str, object] = {
        "invite": None,
        "trouble": None,
        "told": TOLD_TO_THE_HOST,
        "machine": services.machine,
        "member_of": (pool.name or pool.address) if pool is not None else "",
        "mode": services.settings.sharing.mode,
    }
    if not text:
        return values
    try:
        found = services.pool.read_invite(text)
    except RequestError as error:
        return {**values, "trouble": error}
    address = urlsplit(found.address)
    return {
        **values,
        "invite": found,
        "host": address.netloc,
        "is_open": address.scheme == "ws",
        "kind": KINDS[found.kind],
        "expires_at": found.expires_at / SECOND,
    }
