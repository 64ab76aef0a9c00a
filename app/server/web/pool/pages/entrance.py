"""Entrance: how the operator's browser gets its session at a host, and how it gives it back."""

from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.storage.sessions import SESSION_SECONDS
from app.server.web.body import ApiRequest
from app.server.web.dashboard.changes import change
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.entrance import ENTER, TROUBLE, end_session, let_in, session_cookie
from app.server.web.dashboard.links import CODE_SECONDS
from app.server.web.dashboard.pages import html_response
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.server.web.pool.desk import desk_of
from app.server.web.pool.pages.frame import OVERVIEW, POOL_PAGES, closed_page
from app.wire.dashboard import DashboardLink


@post(
    "/local/dashboard",
    guards=[administer],
    status_code=200,
    summary="A link that signs one browser in to the pool's pages, once",
    tags=["local"],
    responses={200: ResponseSpec(DashboardLink)},
)
async def make_link(request: ApiRequest) -> ASGIApp:
    """For `athanor pool open`."""
    code = desk_of(request).links.make()
    return json_response(DashboardLink(path=f"{ENTER}?code={code}", seconds=CODE_SECONDS))


@get(ENTER, include_in_schema=False)
async def enter(request: ApiRequest) -> ASGIApp:
    """Let the browser of a one-time link in."""
    desk = desk_of(request)
    return await let_in(
        request,
        desk.links,
        desk.sessions,
        welcome=lambda session: _moved(request, session, seconds=int(SESSION_SECONDS)),
        refuse=lambda why: closed_page(request, TROUBLE[why]),
    )


@post("/dashboard/sign-out", guards=[change], include_in_schema=False, status_code=200)
async def sign_out(request: ApiRequest) -> ASGIApp:
    """End this browser's session, or every browser's."""
    await end_session(request, desk_of(request).sessions)
    return _moved(request, "", seconds=0)


ENTRANCE_HANDLERS: Final = (make_link, enter, sign_out)


def _moved(request: ApiRequest, session: str, *, seconds: int) -> ASGIApp:
    """To the page that the link names, by a page of our own: a redirect from another program's page
    would come without the strict cookie.
    """
    name = request.query_params.get("page", "")
    to = next((page.path for page in POOL_PAGES if page.name == name), OVERVIEW.path)
    cookie = session_cookie(request, session, seconds=seconds)
    headers = {"set-cookie": cookie, "referrer-policy": "no-referrer"}
    return html_response(draw("moved.html", {"to": to}), headers=headers)
