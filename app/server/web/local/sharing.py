"""/local/sharing: the owner's rules of lending and spending, read and changed while it runs."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import get, patch
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp
from msgspec import UNSET

from app.core.base.errors import RequestError
from app.core.sharing.words import lending_words
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.server.web.services import Services, services_of
from app.settings.fields import FIELDS, Value
from app.settings.live import value_of
from app.settings.save import save_settings
from app.wire.pool_local import SharingChange, SharingPicture

_LOCAL = ["local"]

_IN_SHARING: Final = frozenset({"mode", "hours", "idle_minutes"})
"""Fields that stand in the section `sharing`; the others are in `pool`."""


@get(
    "/local/sharing",
    guards=[administer],
    summary="The owner's rules of lending and spending",
    tags=_LOCAL,
    responses={200: ResponseSpec(SharingPicture)},
)
async def sharing(request: ApiRequest) -> ASGIApp:
    """Those in force now."""
    return json_response(sharing_picture(services_of(request)))


@patch(
    "/local/sharing",
    guards=[administer],
    summary="Change some of them, at once and for good",
    tags=_LOCAL,
    responses={200: ResponseSpec(SharingPicture)},
)
async def change_sharing(data: JsonBody[SharingChange], request: ApiRequest) -> ASGIApp:
    """What is left out stays; the settings file has them from now on."""
    services = services_of(request)
    changes = {
        name: value
        for name in data.__struct_fields__
        if (value := getattr(data, name)) is not UNSET
    }
    await apply_changes(services, changes)
    return json_response(sharing_picture(services))


async def apply_changes(services: Services, changes: Mapping[str, object]) -> None:
    """Write the settings and follow them.

    Raises: RequestError for a value that is not allowed, or that a flag or a variable sets.
    """
    values: dict[str, Value | None] = {}
    for name, value in changes.items():
        try:
            values[path_of(name)] = FIELDS[path_of(name)].check(value)
        except ValueError:
            allowed = FIELDS[path_of(name)].allowed
            raise RequestError(f"{name} must be {allowed}", field=name) from None
    await asyncio.to_thread(save_settings, services.dashboard.config_file, values)
    read = await services.in_force.read_file()
    if fixed := sorted(set(values) & set(read.fixed)):
        raise RequestError(
            f"{fixed[0]} is set by a flag or a variable of the running server, which wins",
            field=fixed[0].partition(".")[2],
            remedy="Start the server without it.",
        )


def path_of(name: str) -> str:
    """The setting that a field of SharingChange is."""
    return f"{'sharing' if name in _IN_SHARING else 'pool'}.{name}"


def sharing_picture(services: Services) -> SharingPicture:
    """The rules in force."""
    settings = services.settings
    values = {
        name: value_of(settings, path_of(name))
        for name in SharingPicture.__struct_fields__
        if name != "lending_summary"
    }
    words = lending_words(services.hub.state.neighbour.verdict, services.now())
    return msgspec.convert({**values, "lending_summary": words}, SharingPicture)
