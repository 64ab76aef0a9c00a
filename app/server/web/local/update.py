"""/local/update: new versions of Athanor itself, looked for, fetched and put in place."""

from collections.abc import Awaitable

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.update_picture import update_picture
from app.server.web.openai.serving import answered, json_response
from app.server.web.services import services_of
from app.wire.update import InstallRequest, UpdatePicture

_LOCAL = ["local"]
_ANSWER = {200: ResponseSpec(UpdatePicture)}


@get(
    "/local/update",
    guards=[administer],
    summary="What is known of new versions of Athanor",
    tags=_LOCAL,
    responses=_ANSWER,
)
async def update(request: ApiRequest) -> ASGIApp:
    """Asks nobody."""
    return json_response(update_picture(services_of(request).hub.state))


@post(
    "/local/update/look",
    guards=[administer],
    status_code=200,
    summary="Look for a new version now",
    tags=_LOCAL,
    responses=_ANSWER,
)
async def look_for_update(request: ApiRequest) -> ASGIApp:
    """Answers when the publisher's place has; on battery and a metered network too."""
    return await _after(request, services_of(request).updates.look())


@post(
    "/local/update/fetch",
    guards=[administer],
    status_code=200,
    summary="Fetch the new version",
    tags=_LOCAL,
    responses=_ANSWER,
)
async def fetch_update(request: ApiRequest) -> ASGIApp:
    """Answers when it is here and checked; /local/events tells the progress."""
    return await _after(request, services_of(request).updates.fetch())


@post(
    "/local/update/install",
    guards=[administer],
    status_code=200,
    summary="Restart for the new version, fetched first where it is not here",
    tags=_LOCAL,
    responses=_ANSWER,
)
async def install_update(data: JsonBody[InstallRequest], request: ApiRequest) -> ASGIApp:
    """Answers when all is ready; then the server ends in order, and the new one starts."""
    return await _after(request, services_of(request).updates.install(is_urgent=data.now))


@post(
    "/local/update/back",
    guards=[administer],
    status_code=200,
    summary="Restart for the version before this one",
    tags=_LOCAL,
    responses=_ANSWER,
)
async def go_back(data: JsonBody[InstallRequest], request: ApiRequest) -> ASGIApp:
    """As install."""
    return await _after(request, services_of(request).updates.go_back(is_urgent=data.now))


async def _after(request: ApiRequest, step: Awaitable[None]) -> ASGIApp:
    services = services_of(request)

    async def work() -> UpdatePicture:
        await step
        return update_picture(services.hub.state)

    return await answered(request, work())
