"""Credits: what this machine earned and spent in its pool, day by day, with proof."""

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import get, post
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app.core.member.credits import credits_words
from app.core.pool.credits_export import csv_of
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import fragment
from app.server.web.dashboard.changes import change, read_private
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.pages import CREDITS, HEADERS, frame_of, page_response
from app.server.web.local.pool_picture import pool_picture
from app.server.web.services import Services, services_of
from app.wire.pool_local import DayPicture

CARDS: Final = ("credits",)

DAYS: Final = 30
RECEIPTS: Final = 50


@get(CREDITS.path, include_in_schema=False)
async def credits_page(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, CREDITS, await values(services_of(request)))


@post("/dashboard/credits/verify", guards=[change], include_in_schema=False, status_code=200)
async def verify(request: ApiRequest) -> ASGIApp:
    """Check everything signed, and say what was found."""
    services = services_of(request)
    answer = await services.pool.verify()
    context = {**frame_of(request, CREDITS), "answer": answer}
    return fragment(draw("cards/credits_verified.html", context))


@get("/dashboard/credits/export/{kind:str}", guards=[read_private], include_in_schema=False)
async def export(request: ApiRequest) -> ASGIApp:
    """A file to keep: figures as CSV, or everything signed as JSON."""
    found = await services_of(request).pool.export()
    is_json = request.path_params["kind"] == "json"
    body = msgspec.json.encode(found) if is_json else csv_of(found).encode()
    name = f"athanor-credits-{found.pool[:8]}.{'json' if is_json else 'csv'}"
    return ASGIResponse(
        body=body,
        media_type="application/json" if is_json else "text/csv",
        headers={**HEADERS, "content-disposition": f'attachment; filename="{name}"'},
    )


async def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    pool = pool_picture(services.hub.state, services.now(), device=services.pool.device)
    is_known = services.pool.is_known
    days = await services.pool.days(DAYS) if is_known else ()
    return {
        "pool": pool,
        "is_known": is_known,
        "days": days,
        "points": points_of(days),
        "sum": sum_of(days),
        "receipts": await services.pool.receipts(RECEIPTS) if is_known else (),
    }


def points_of(days: tuple[DayPicture, ...]) -> str:
    """The days for the plot, oldest first, as JSON: date, earned and spent in credits."""
    points = [[day.date, day.earned / 1e6, day.spent / 1e6] for day in reversed(days)]
    return msgspec.json.encode(points).decode()


def sum_of(days: tuple[DayPicture, ...]) -> str:
    """The plot in a sentence, for who cannot see it."""
    earned, spent = sum(day.earned for day in days), sum(day.spent for day in days)
    count = "one day" if len(days) == 1 else f"{len(days)} days"
    return f"In {count} {credits_words(earned)} earned and {credits_words(spent)} spent."
