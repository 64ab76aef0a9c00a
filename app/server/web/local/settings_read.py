"""/local/settings/read: follow the settings file, which somebody has just written."""

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.server.web.services import services_of
from app.wire.settings_read import SettingsRead


@post(
    "/local/settings/read",
    guards=[administer],
    status_code=200,
    summary="Go by what the settings file says now",
    tags=["local"],
    responses={200: ResponseSpec(SettingsRead)},
)
async def read_settings(request: ApiRequest) -> ASGIApp:
    """Some settings hold at once; the others are named, and wait for a start."""
    read = await services_of(request).in_force.read_file()
    return json_response(SettingsRead(changed=read.changed, waiting=read.waiting, fixed=read.fixed))
