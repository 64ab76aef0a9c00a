"""Runtimes: the card of the settings page about what models are computed by."""

from collections.abc import Mapping
from typing import Final

from litestar import post
from litestar.types import ASGIApp

from app.core.base.errors import EngineFailed, RequestError
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.pages import SETTINGS
from app.server.web.local.runtime import give_order
from app.server.web.services import Services, services_of

CARDS: Final = ("runtimes",)

_ACTIONS: Final = frozenset({"install", "use", "test", "remove"})
_BEGUN: Final = {
    "install": "It is on its way; the card shows how far.",
    "use": "It is tried first; the card shows what comes of it.",
    "test": "It is being tried.",
    "remove": "It is being removed.",
}


@post("/dashboard/runtime", guards=[change], include_in_schema=False, status_code=200)
async def order(request: ApiRequest) -> ASGIApp:
    """Begin what was clicked: look for packs, or an order about one."""
    services, action = services_of(request), await field(request, "action")
    if action == "look":
        await services.runtimes.look()
        return done(request, "The list of packs is up to date.", go=f"{SETTINGS.path}#runtimes")
    if action not in _ACTIONS:
        raise RequestError("there is no such action", field="action")
    await give_order(services, await field(request, "pack"), action)
    return done(request, _BEGUN[action], go=f"{SETTINGS.path}#runtimes")


async def values(services: Services) -> Mapping[str, object]:
    """What the card shows now."""
    try:
        return {"runtime": await services.runtimes.picture(), "runtime_trouble": ""}
    except EngineFailed as error:
        return {"runtime": None, "runtime_trouble": error.message}
