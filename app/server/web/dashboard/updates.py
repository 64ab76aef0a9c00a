"""Updates: the card of the settings page about new versions of Athanor."""

from collections.abc import Mapping
from typing import Final

from litestar import post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.pages import SETTINGS
from app.server.web.local.update_picture import update_picture
from app.server.web.services import Services, services_of

CARDS: Final = ("update",)

_ANCHOR: Final = f"{SETTINGS.path}#new-versions"


@post("/dashboard/update", guards=[change], include_in_schema=False, status_code=200)
async def update(request: ApiRequest) -> ASGIApp:
    """What was clicked: look, fetch, restart, or go back. Answers when it is done, or begun."""
    services, action = services_of(request), await field(request, "action")
    is_urgent = await field(request, "now") == "yes"
    match action:
        case "look":
            await services.updates.look()
            return done(request, update_picture(services.hub.state).words, go=_ANCHOR)
        case "fetch":
            await services.updates.fetch()
            return done(request, "The new version is here, and checked.", go=_ANCHOR)
        case "install":
            await services.updates.install(is_urgent=is_urgent)
        case "back":
            await services.updates.go_back(is_urgent=is_urgent)
        case _:
            raise RequestError("there is no such action", field="action")
    return done(request, "Restarting; this page comes back by itself.")


def values(services: Services) -> Mapping[str, object]:
    """What the card shows now."""
    state = services.hub.state
    return {"update": update_picture(state), "answers": len(state.requests)}
