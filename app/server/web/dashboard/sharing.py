"""Sharing and credits: whether this machine's GPU would be lent now, and why not."""

from collections.abc import Mapping
from typing import Final

from litestar import get, post
from litestar.types import ASGIApp

from app.core.state.view import size
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change
from app.server.web.dashboard.pages import SHARING, page_response
from app.server.web.local.neighbour_picture import neighbour_picture
from app.server.web.services import Services, services_of

CARDS: Final = ("neighbour",)


@get(SHARING.path, include_in_schema=False)
async def sharing(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, SHARING, values(services_of(request)))


@post("/dashboard/free", guards=[change], include_in_schema=False, status_code=200)
async def free(request: ApiRequest) -> ASGIApp:
    """Free GPU memory now. Answers when it is free; answers under way end with an error."""
    freed = await services_of(request).neighbour.free(everything=False)
    words = (
        f"{size(freed.gpu_bytes)} of GPU memory came back in {freed.seconds:.1f} s."
        if freed.ended
        else "No model held GPU memory."
    )
    return done(request, words)


@post("/dashboard/resume", guards=[change], include_in_schema=False, status_code=200)
async def resume(request: ApiRequest) -> ASGIApp:
    """Let requests use GPU memory again."""
    services_of(request).neighbour.resume()
    return done(request, "Requests may load models again.")


def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    return {"neighbour": neighbour_picture(services.hub.state, services.now())}
