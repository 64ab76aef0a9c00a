"""/local/state, /local/events, /local/stop: the whole node, for the command line and the tray."""

from contextlib import aclosing

import msgspec
from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.gate import administer
from app.server.web.local.picture import event_of, picture_of
from app.server.web.openai.serving import json_response
from app.server.web.services import services_of
from app.server.web.sse import Emit, EventStream
from app.wire.local import NodeEvent, NodePicture, StopAnswer

_LOCAL = ["local"]


@get(
    "/local/state",
    guards=[administer],
    summary="The picture of the node",
    tags=_LOCAL,
    responses={200: ResponseSpec(NodePicture)},
)
async def state(request: ApiRequest) -> ASGIApp:
    """Now."""
    services = services_of(request)
    return json_response(picture_of(services.hub.state, services.hub.number, services.now()))


@get(
    "/local/events",
    guards=[administer],
    summary="The picture, then every change of it, as server-sent events",
    tags=_LOCAL,
    responses={
        200: ResponseSpec(NodeEvent, description="Events of this, with their number as id.")
    },
)
async def events(request: ApiRequest) -> ASGIApp:
    """Ends when the reader lags too far behind, or when the server stops; it may start again."""
    services = services_of(request)

    async def produce(emit: Emit) -> None:
        async with aclosing(services.hub.watch()) as watch:
            async for happened in watch:
                event = event_of(happened, services.now())
                head = f"id: {event.number}\nevent: {event.happened}\ndata: ".encode()
                await emit(head + msgspec.json.encode(event) + b"\n\n")

    return EventStream(produce, heartbeat_seconds=services.settings.server.heartbeat_seconds)


@post(
    "/local/stop",
    guards=[administer],
    status_code=200,
    summary="Stop the server: answers under way may finish",
    tags=_LOCAL,
    responses={200: ResponseSpec(StopAnswer)},
)
async def stop(request: ApiRequest) -> ASGIApp:
    """Answers at once; the server is gone when the grace is over, or sooner."""
    services = services_of(request)
    services.stop()
    return json_response(StopAnswer(grace_seconds=services.settings.server.stop_grace_seconds))
