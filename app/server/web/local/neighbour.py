"""/local/neighbour, free, snooze and resume: the other programs of the machine come first."""

from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.sharing.words import fact_rows
from app.server.node.freeing import Freed
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.neighbour_picture import neighbour_picture
from app.server.web.openai.serving import answered, json_response
from app.server.web.services import Services, services_of
from app.wire.sharing import (
    EndedPicture,
    FactPicture,
    FreeAnswer,
    FreeRequest,
    NeighbourAnswer,
    NeighbourPicture,
    SnoozeRequest,
)

_LOCAL = ["local"]

SECONDS_MAX: Final = 366 * 86_400.0


@get(
    "/local/neighbour",
    guards=[administer],
    summary="What becomes of GPU memory and lending, and the facts it rests on",
    tags=_LOCAL,
    responses={200: ResponseSpec(NeighbourAnswer)},
)
async def neighbour(request: ApiRequest) -> ASGIApp:
    """As of the last look, which is seconds old at most."""
    services = services_of(request)
    rows = fact_rows(services.neighbour.facts)
    facts = tuple(FactPicture(name=name, value=value, unknown=why) for name, value, why in rows)
    return json_response(NeighbourAnswer(neighbour=_picture(services), facts=facts))


@post(
    "/local/free",
    guards=[administer],
    status_code=200,
    summary="Free GPU memory now",
    tags=_LOCAL,
    responses={200: ResponseSpec(FreeAnswer)},
)
async def free(data: JsonBody[FreeRequest], request: ApiRequest) -> ASGIApp:
    """Answers when it is free; answers under way end with an error that says why."""
    services = services_of(request)
    hold = None if data.hold_seconds is None else _checked(data.hold_seconds, "hold_seconds")

    async def work() -> FreeAnswer:
        freed = await services.neighbour.free(everything=data.scope == "all", hold_seconds=hold)
        return _answer(freed, services.hub.state.neighbour.orders.held_until)

    return await answered(request, work())


@post(
    "/local/snooze",
    guards=[administer],
    status_code=200,
    summary="Lend nothing for a while",
    tags=_LOCAL,
    responses={200: ResponseSpec(NeighbourPicture)},
)
async def snooze(data: JsonBody[SnoozeRequest], request: ApiRequest) -> ASGIApp:
    """Answers at once."""
    services = services_of(request)
    seconds = _checked(data.seconds, "seconds")
    services.neighbour.snooze(seconds, is_finishing=data.finish)
    return json_response(_picture(services))


@post(
    "/local/resume",
    guards=[administer],
    status_code=200,
    summary="End a snooze, and let requests use GPU memory again",
    tags=_LOCAL,
    responses={200: ResponseSpec(NeighbourPicture)},
)
async def resume(request: ApiRequest) -> ASGIApp:
    """Answers at once."""
    services = services_of(request)
    services.neighbour.resume()
    return json_response(_picture(services))


def _picture(services: Services) -> NeighbourPicture:
    return neighbour_picture(services.hub.state, services.now())


def _checked(seconds: float, field: str) -> float:
    if not 0 <= seconds <= SECONDS_MAX:
        raise RequestError(f"{field} must be from 0 to {SECONDS_MAX:.0f}", field=field)
    return seconds


def _answer(freed: Freed, held_until: float | None) -> FreeAnswer:
    return FreeAnswer(
        ended=tuple(
            EndedPicture(
                model=each.model,
                pid=each.pid,
                gpu_bytes=each.gpu_bytes,
                ram_bytes=each.ram_bytes,
            )
            for each in freed.ended
        ),
        seconds=freed.seconds,
        gpu_bytes=freed.gpu_bytes,
        is_measured=freed.is_measured,
        is_back=freed.is_back,
        held_until=held_until,
    )
