"""Network activity: every call to another machine, and what it was for."""

from collections.abc import Mapping
from typing import Final

from litestar import get
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.dashboard.pages import NETWORK, page_response
from app.server.web.services import Services, services_of

CARDS: Final = ("network",)

SHOWN: Final = 100

PURPOSES: Final = {
    "search": "to search for models, as you asked",
    "describe": "to see which files a model has",
    "header": "to see whether a model fits, before it is fetched",
    "download": "to fetch a model, as you asked",
    "pool": "to stay in touch with your pool, until you leave it",
}


@get(NETWORK.path, include_in_schema=False)
async def network(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, NETWORK, values(services_of(request)))


def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    outbound = services.shop.outbound
    return {"calls": outbound.calls()[:SHOWN], "hosts": outbound.totals(), "purposes": PURPOSES}
