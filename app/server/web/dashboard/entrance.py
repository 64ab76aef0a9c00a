"""Entrance: how a browser gets its session, and how it gives it back."""

from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.storage.sessions import SESSION_SECONDS
from app.server.web.body import ApiRequest
from app.server.web.dashboard.changes import change, field, own_page
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.links import CODE_SECONDS
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
    if "prefetch" in request.headers.get("sec-purpose", ""):
        # A browser that guesses what will be opened must not use the code up.
        return html_response("", status=503)
    backing = services_of(request).dashboard
    link = backing.links.find(request.query_params.get("code", ""))
    if isinstance(link, str):
        return _refused(request, link)
    async with link.turn:
        if link.session is None:
            link.session = await backing.sessions.begin("link")
            return _welcome(request, link.session)
        if caller_of(request.scope).session == link.session:
            return _welcome(request)
        # Two came with one code: the other one may not have been the owner.
        await backing.sessions.end(link.session)
        return _refused(request, "used")


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
    sessions = services_of(request).dashboard.sessions
    session = caller_of(request.scope).session
    if await field(request, "everywhere"):
        await sessions.end_all()
    elif session is not None:
        await sessions.end(session)
    return _moved(request, {"set-cookie": session_cookie(request, "", seconds=0)})


def _welcome(request: ApiRequest, session: str | None = None) -> ASGIApp:
    """To the home page, by a page of our own.

    Not by a redirect: where another program's page was clicked, the browser would not send the
    strict cookie along with it.
    """
    if session is None:
        return _moved(request, {})
    cookie = session_cookie(request, session, seconds=int(SESSION_SECONDS))
    return _moved(request, {"set-cookie": cookie})


def session_cookie(request: ApiRequest, session: str, *, seconds: int) -> str:
    """The header that gives the browser its session; with "" and 0 seconds, takes it back."""
    scope = request.scope
    return set_cookie(session, port_of(scope), seconds=seconds, scheme=scope["scheme"])


def _moved(request: ApiRequest, headers: dict[str, str]) -> ASGIApp:
    body = draw("moved.html", {"to": _wished(request)})
    return html_response(body, headers={**headers, "referrer-policy": "no-referrer"})


def _wished(request: ApiRequest) -> str:
    """The page that the link names; the home page where it names none of ours."""
    name = request.query_params.get("page", "")
    return next((page.path for page in ALL_PAGES if page.name == name), HOME.path)


def _refused(request: ApiRequest, why: str) -> ASGIApp:
    context = {"trouble": TROUBLE[why], "is_stranger": caller_of(request.scope).is_stranger}
    return framed(request, "sign_in.html", None, context, status=401)
