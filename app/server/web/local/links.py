"""/local/links: a link of our own kind was opened on this machine."""

from typing import Final

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.pool.invite import LINK as INVITE_LINK
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.dashboard.entrance import ENTER
from app.server.web.dashboard.links import CODE_SECONDS
from app.server.web.dashboard.pages import INVITE, PAGES
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.server.web.services import services_of
from app.wire.dashboard import DashboardLink
from app.wire.link import LINK_LENGTH_MAX, SCHEME, LinkRequest

_BEGINNING: Final = f"{SCHEME}://"


@post(
    "/local/links",
    guards=[administer],
    status_code=200,
    summary="The page that a link of ours opens; an invite waits there for its owner's answer",
    tags=["local"],
    responses={200: ResponseSpec(DashboardLink)},
)
async def open_link(data: JsonBody[LinkRequest], request: ApiRequest) -> ASGIApp:
    """For the terminal and the tray, which open a browser with it. Nothing is joined by this."""
    backing = services_of(request).dashboard
    page = page_of(data.link)
    if page == INVITE.name:
        backing.invite.put(data.link.strip())
    path = f"{ENTER}?code={backing.links.make()}&page={page}"
    return json_response(DashboardLink(path=path, seconds=CODE_SECONDS))


def page_of(link: str) -> str:
    """The page that a link is for, the home page where it names none of ours.

    Raises: RequestError for what is no link of ours.
    """
    text = link.strip()
    if not text.lower().startswith(_BEGINNING) or len(text) > LINK_LENGTH_MAX:
        raise RequestError(
            "this is no link of Athanor's",
            field="link",
            remedy=f"Links begin with {_BEGINNING} and have at most {LINK_LENGTH_MAX} characters.",
        )
    if text.lower().startswith(INVITE_LINK):
        return INVITE.name
    name = text[len(_BEGINNING) :].strip("/").lower()
    return next((page.name for page in PAGES if page.name == name), PAGES[0].name)
