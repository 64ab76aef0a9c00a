"""Surroundings: the front page, for programs in a line, and the node's figures."""

from litestar import MediaType, get
from litestar.enums import HttpMethod
from litestar.handlers import route
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app import __version__
from app.observe.meters import CONTENT_TYPE
from app.server.web.body import ApiRequest
from app.server.web.dashboard.home import home
from app.server.web.dashboard.start import is_wanted, start
from app.server.web.services import services_of


@route(
    ["/"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    media_type=MediaType.TEXT,
    include_in_schema=False,
)
async def front(request: ApiRequest) -> ASGIApp:
    """A browser gets the dashboard; some clients look here to see whether anybody is at home."""
    if "text/html" in request.headers.get("accept", ""):
        return await (start(request) if is_wanted(request) else home(request))
    line = f"Athanor {__version__} is running. The API is under /v1.\n"
    return ASGIResponse(body=line.encode(), media_type="text/plain")


@get(["/metrics"], summary="The node's figures for Prometheus", tags=["llama.cpp"])
async def metrics(request: ApiRequest) -> ASGIApp:
    """Prometheus' text format."""
    return ASGIResponse(
        body=services_of(request).meters.exposition(), media_type=CONTENT_TYPE, status_code=200
    )
