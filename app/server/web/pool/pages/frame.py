"""Frame: which pages a hosted pool has, who may read them, and what stands around each.

They are drawn like the node's dashboard, with the same scripts, styles and headers. All of them are
for the operator: whoever has no session learns only where one comes from.
"""

from collections.abc import Mapping
from typing import Final

from litestar.types import ASGIApp

from app import __version__
from app.server.web.body import ApiRequest
from app.server.web.dashboard.drawing import draw, sentence
from app.server.web.dashboard.pages import Page, api_address, html_response, version
from app.server.web.errors import Failure
from app.server.web.gate import caller_of
from app.server.web.own_page import form_token
from app.server.web.pool.desk import desk_of

OVERVIEW: Final = Page(name="overview", path="/", title="Pool", is_private=True)
OFFERS: Final = Page(
    name="offers",
    path="/dashboard/offers",
    title="Models and demand",
    short="Models",
    is_private=True,
)
MACHINES: Final = Page(
    name="machines", path="/dashboard/machines", title="Machines", is_private=True
)
ACCOUNTS: Final = Page(
    name="accounts", path="/dashboard/accounts", title="Accounts", is_private=True
)
INVITES: Final = Page(name="invites", path="/dashboard/invites", title="Invites", is_private=True)
POOL_KEYS: Final = Page(name="poolkeys", path="/dashboard/poolkeys", title="Keys", is_private=True)
USAGE: Final = Page(name="usage", path="/dashboard/usage", title="Usage", is_private=True)
BOOKS: Final = Page(name="books", path="/dashboard/books", title="Books", is_private=True)

POOL_PAGES: Final = (OVERVIEW, OFFERS, MACHINES, ACCOUNTS, INVITES, POOL_KEYS, USAGE, BOOKS)
"""In the order of the navigation."""


def is_open(request: ApiRequest) -> bool:
    """Whether the operator reads."""
    caller = caller_of(request.scope)
    return caller.session is not None or caller.may_administer


def pool_page(
    request: ApiRequest, page: Page, context: Mapping[str, object], *, template: str = ""
) -> ASGIApp:
    """The page with its own values. Only for who may read it: see `is_open`."""
    assert is_open(request), "pages ask before they gather what is not for everybody"
    body = draw(f"pool/{template or page.name}.html", {**frame_of(request, page), **context})
    return html_response(body)


def closed_page(request: ApiRequest, trouble: str = "") -> ASGIApp:
    """What everybody else sees: how the operator gets in."""
    context = {**frame_of(request, None), "title": "Sign in", "trouble": trouble}
    return html_response(draw("pool/sign_in.html", context), status=401)


def pool_error_page(request: ApiRequest, failure: Failure) -> str:
    """What went wrong, for a person."""
    message = sentence(failure.answer.error.message)
    context = {"title": "That did not work", "message": message}
    return draw("error.html", {**frame_of(request, None), **context})


def frame_of(request: ApiRequest, page: Page | None) -> dict[str, object]:
    """What every template may name."""
    caller, desk = caller_of(request.scope), desk_of(request)
    secret = caller.session
    return {
        "pages": POOL_PAGES,
        "page": page,
        "title": page.title if page else "Athanor",
        "version": version(),
        "program_version": __version__,
        "is_stranger": not is_open(request),
        "may_change": secret is not None,
        "token": form_token(secret) if secret is not None else "",
        "summary": "",
        "pool_name": desk.view.name,
        "api_address": api_address(request),
        "now": desk.now() / 1e6,
    }
