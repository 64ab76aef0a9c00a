"""/local/runtime: back ends of this machine, and packs of more."""

from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.openai.serving import answered
from app.server.web.services import Services, services_of
from app.wire.runtime import RuntimeOrder, RuntimePicture

WAIT_SECONDS_MAX: Final = 10.0
"""Of a call that waits for something new; clients give up after 15 s."""

_LOCAL = ["local"]


@get(
    "/local/runtime",
    guards=[administer],
    summary="The back ends of this machine, and the packs that can be had",
    tags=_LOCAL,
    responses={200: ResponseSpec(RuntimePicture)},
)
async def runtime(request: ApiRequest) -> ASGIApp:
    """The first call after a start asks an engine, which takes a second.

    With `?after=N` it answers when there is a later number, or after some seconds.
    """
    try:
        after = int(request.query_params.get("after", -1))
    except ValueError:
        raise RequestError("must be a whole number", field="after") from None
    picture = services_of(request).runtimes.picture(after, seconds_max=WAIT_SECONDS_MAX)
    return await answered(request, picture)


@post(
    "/local/runtime/look",
    guards=[administer],
    status_code=200,
    summary="Ask the publisher for the list of runtime packs",
    tags=_LOCAL,
    responses={200: ResponseSpec(RuntimePicture)},
)
async def look(request: ApiRequest) -> ASGIApp:
    """One call to another machine; the list is believed by its signature."""
    return await answered(request, _looked(services_of(request)))


@post(
    "/local/runtime/packs/{pack:str}",
    guards=[administer],
    status_code=200,
    summary="Install, use, test or remove a pack or a back end",
    tags=_LOCAL,
    responses={200: ResponseSpec(RuntimePicture)},
)
async def order(data: JsonBody[RuntimeOrder], request: ApiRequest) -> ASGIApp:
    """Answers when the order has begun; `working_on` is empty when it is done."""
    services, pack = services_of(request), str(request.path_params["pack"])
    return await answered(request, _ordered(services, pack, data))


async def _looked(services: Services) -> RuntimePicture:
    await services.runtimes.look()
    return await services.runtimes.picture()


async def _ordered(services: Services, pack: str, data: RuntimeOrder) -> RuntimePicture:
    await give_order(services, pack, data.action)
    return await services.runtimes.picture()


async def give_order(services: Services, pack: str, action: str) -> None:
    """Begins it. Raises: RemoteNotFound, Busy, EngineFailed, and what `look` raises."""
    match action:
        case "install":
            await services.runtimes.install(pack)
        case "use":
            await services.runtimes.use(pack)
        case "test":
            await services.runtimes.test(pack)
        case _:
            await services.runtimes.remove(pack)
