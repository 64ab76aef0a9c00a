"""What goes on in a pool, on pages that only show: figures, models and demand, usage, the books."""

from collections.abc import Mapping
from typing import Final

from litestar import MediaType, get, post
from litestar.enums import HttpMethod
from litestar.handlers import route
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app import __version__
from app.core.base.errors import UnknownHere
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change
from app.server.web.pool.desk import Desk, desk_of
from app.server.web.pool.pages.frame import (
    BOOKS,
    OFFERS,
    OVERVIEW,
    USAGE,
    closed_page,
    is_open,
    pool_page,
)
from app.wire.pool_admin import RequestPicture, UsageBy

USAGE_DAYS: Final = (1, 7, 30, 365)
_BY: Final[tuple[UsageBy, ...]] = ("account", "project", "caller", "model")


@route(
    ["/"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    media_type=MediaType.TEXT,
    include_in_schema=False,
)
async def front(request: ApiRequest) -> ASGIApp:
    """The operator gets the overview; programs and others learn that somebody is at home."""
    if "text/html" not in request.headers.get("accept", ""):
        line = f"A pool of Athanor {__version__} is hosted here. The API is under /v1.\n"
        return ASGIResponse(body=line.encode(), media_type="text/plain")
    if not is_open(request):
        return closed_page(request)
    return pool_page(request, OVERVIEW, await overview_values(desk_of(request)))


@get(OFFERS.path, include_in_schema=False)
async def offers(request: ApiRequest) -> ASGIApp:
    """What is offered, who serves it, who waits for it."""
    if not is_open(request):
        return closed_page(request)
    return pool_page(request, OFFERS, await offers_values(desk_of(request)))


@get(USAGE.path, include_in_schema=False)
async def usage(request: ApiRequest) -> ASGIApp:
    """What was used, by whom, and the newest requests: counts, never words."""
    if not is_open(request):
        return closed_page(request)
    desk, query = desk_of(request), request.query_params
    by: UsageBy = next((each for each in _BY if each == query.get("by")), "account")
    days = next((each for each in USAGE_DAYS if str(each) == query.get("days")), 30)
    wanted = query.get("request", "").strip()
    context = {
        "report": await desk.view.used(by, days),
        "by": by,
        "days": days,
        "every_by": _BY,
        "every_days": USAGE_DAYS,
        "wanted": wanted,
        "requests": await _requests(desk, wanted),
    }
    return pool_page(request, USAGE, context)


@get(BOOKS.path, include_in_schema=False)
async def books(request: ApiRequest) -> ASGIApp:
    """The pool's own accounts, and the last audit."""
    if not is_open(request):
        return closed_page(request)
    desk = desk_of(request)
    context = {
        "overview": await desk.view.overview(),
        "accounts": await desk.accounts_desk.all(),
        "receipts": await desk.receipts.count(),
        "audit": desk.view.last_audit,
    }
    return pool_page(request, BOOKS, context)


@post("/dashboard/books/audit", guards=[change], include_in_schema=False, status_code=200)
async def audit(request: ApiRequest) -> ASGIApp:
    """Rebuild every balance and check every receipt, then show what came of it."""
    found = await desk_of(request).view.audit()
    wrong = len(found.faults)
    odd = "1 thing does not agree." if wrong == 1 else f"{wrong} things do not agree."
    words = "All agrees." if found.holds else odd
    return done(request, words, go=BOOKS.path)


async def _requests(desk: Desk, wanted: str) -> tuple[RequestPicture, ...]:
    """Those of an x-request-id or a job, perhaps none; the newest where nothing is looked for."""
    if not wanted:
        return await desk.view.newest_requests()
    try:
        return await desk.view.request(wanted)
    except UnknownHere:
        return ()  # the page says so


async def overview_values(desk: Desk) -> Mapping[str, object]:
    """Of the overview's cards."""
    return {"overview": await desk.view.overview()}


async def offers_values(desk: Desk) -> Mapping[str, object]:
    """Of the card of models."""
    return {"offers": await desk.view.models_today()}


VIEW_HANDLERS: Final = (front, offers, usage, books, audit)
