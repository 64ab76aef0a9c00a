"""/local/autostart: whether Athanor starts with the computer."""

import asyncio

from litestar import get, put
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.settings.autostart.autostart import Autostart, Switch
from app.wire.autostart import AutostartPicture, AutostartRequest

_LOCAL = ["local"]


@get(
    "/local/autostart",
    guards=[administer],
    summary="Whether Athanor starts with the computer",
    tags=_LOCAL,
    responses={200: ResponseSpec(AutostartPicture)},
)
async def autostart(request: ApiRequest) -> ASGIApp:
    """As the system has it, whoever changed it."""
    return json_response(autostart_picture(await asyncio.to_thread(Switch.of_this().state)))


@put(
    "/local/autostart",
    guards=[administer],
    summary="Start with the computer, or no more",
    tags=_LOCAL,
    responses={200: ResponseSpec(AutostartPicture)},
)
async def set_autostart(data: JsonBody[AutostartRequest], request: ApiRequest) -> ASGIApp:
    """Holds from the user's next login on."""
    return json_response(autostart_picture(await asyncio.to_thread(turn, data.enabled)))


def turn(enabled: bool) -> Autostart:
    """The switch after it was turned. Raises: OSError."""
    return Switch.of_this().turn(on=enabled)


def autostart_picture(state: Autostart) -> AutostartPicture:
    """The switch as the local API shows it."""
    return AutostartPicture(enabled=state.is_on, where=state.where, command=state.command)
