"""Entrance: how a browser gets its session, and how it gives it back."""

from collections.abc import Callable
from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.storage.sessions import SESSION_SECONDS, Sessions
from app.server.web.body import ApiRequest
from app.server.web.dashboard.changes import change, field, own_page
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.links import CODE_SECONDS, Links
from app.server.web.dashboard.pages import ALL_PAGES, HOME, framed, html_response
from app.server.web.gate import administer, caller_of, port_of
from app.server.web.openai.serving import json_response
from app.server.web.own_page import set_cookie
from app.server.web.services import services_of
from app.wire.dashboard import DashboardLink

ENTER: Final = "/dashboard/enter"

TROUBLE: Final = {
    "unknown": "This link is not known: the server was started again since, or it is mistyped.",
    "late": "This link is too old: it works for two minutes.",
    "used": "This link was used before, and works once.",
    "key": "That is no admin key of this server.",
}


@post(
    "/local/dashboard",
    guards=[administer],
    status_code=200,
    summary="A link that signs one browser in to the dashboard, once",
    tags=["local"],
    responses={200: ResponseSpec(DashboardLink)},
)
async def make_link(request: ApiRequest) -> ASGIApp:
    """For the tray and the terminal, which open a browser with it."""
    code = services_of(request).dashboard.links.make()
    return json_response(DashboardLink(path=f"{ENTER}?code={code}", seconds=CODE_SECONDS))


@get(ENTER, include_in_schema=False)
async def enter(request: ApiRequest) -> ASGIApp:
    """Let the browser of a one-time link in."""
    backing = services_of(request).dashboard
    return await let_in(
        request,
        backing.links,
        backing.sessions,
        welcome=lambda session: _welcome(request, session),
        refuse=lambda why: _refused(request, why),
    )


async def let_in(
    request: ApiRequest,
    links: Links,
    sessions: Sessions,
    *,
    welcome: Callable[[str], ASGIApp],
    refuse: Callable[[str], ASGIApp],
) -> ASGIApp:
    """What `welcome` makes of the session of a one-time link, or `refuse` of a word of TROUBLE."""
    if "prefetch" in request.headers.get("sec-purpose", ""):
        # A browser that guesses what will be opened must not use the code up.
        return html_response("", status=503)
    link = links.find(request.query_params.get("code", ""))
    if isinstance(link, str):
        return refuse(link)
    async with link.turn:
        if link.session is None:
            link.session = await sessions.begin("link")
            return welcome(link.session)
        if caller_of(request.scope).session == link.session:
            return welcome(link.session)
        # Two came with one code: the other one may not have been the owner.
        await sessions.end(link.session)
        return refuse("used")


@post("/dashboard/sign-in", guards=[own_page], include_in_schema=False, status_code=200)
async def sign_in(request: ApiRequest) -> ASGIApp:
    """Let in whoever has an admin key: for browsers of other machines."""
    services = services_of(request)
    key = services.keys.verify(await field(request, "key", length_max=200))
    if key is None or key.scope != "admin":
        return _refused(request, "key")
    return _welcome(request, await services.dashboard.sessions.begin("key"))


@post("/dashboard/sign-out", guards=[change], include_in_schema=False, status_code=200)
async def sign_out(request: ApiRequest) -> ASGIApp:
    """End this browser's session, or every browser's."""
    await end_session(request, services_of(request).dashboard.sessions)
    return _moved(request, session_cookie(request, "", seconds=0))


async def end_session(request: ApiRequest, sessions: Sessions) -> None:
    """This browser is signed out, or every browser where that is asked for."""
    session = caller_of(request.scope).session
    if await field(request, "everywhere"):
        await sessions.end_all()
    elif session is not None:
        await sessions.end(session)


def _welcome(request: ApiRequest, session: str) -> ASGIApp:
    """To the home page, by a page of our own.

    Not by a redirect: where another program's page was clicked, the browser would not send the
    strict cookie along with it.
    """
    cookie = session_cookie(request, session, seconds=int(SESSION_SECONDS))
    return _moved(request, cookie)


def session_cookie(request: ApiRequest, session: str, *, seconds: int) -> str:
    """The header that gives the browser its session; with "" and 0 seconds, takes it back."""
    scope = request.scope
    return set_cookie(session, port_of(scope), seconds=seconds, scheme=scope["scheme"])


def _moved(request: ApiRequest, cookie: str) -> ASGIApp:
    body = draw("moved.html", {"to": _wished(request)})
    headers = {"set-cookie": cookie, "referrer-policy": "no-referrer"}
    return html_response(body, headers=headers)


def _wished(request: ApiRequest) -> str:
    """The page that the link names; the home page where it names none of ours."""
    name = request.query_params.get("page", "")
    return next((page.path for page in ALL_PAGES if page.name == name), HOME.path)


def _refused(request: ApiRequest, why: str) -> ASGIApp:
    context = {"trouble": TROUBLE[why], "is_stranger": caller_of(request.scope).is_stranger}
    return framed(request, "sign_in.html", None, context, status=401)
