"""Start: the guided first minutes, on the front page until they were finished or skipped.

Nothing is switched on by them that was not ticked; nothing calls another machine but a download
that was pressed.
"""

import asyncio
import logging
from collections.abc import Mapping

from litestar import post
from litestar.types import ASGIApp

from app.core.base.errors import AthanorError
from app.core.models.apps import App, title
from app.core.state.hardware_words import hardware_words
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.apps import APPS
from app.server.web.dashboard.catalogue import quick_parameters, recommended
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.pages import HOME, page_response
from app.server.web.dashboard.playground import first_talker, talkers_of
from app.server.web.gate import caller_of
from app.server.web.local.autostart import turn
from app.server.web.local.remote_pictures import catalogue_picture
from app.server.web.services import Services, services_of
from app.settings.save import save_settings
from app.wire.remote import CatalogueModel, VariantPicture

log = logging.getLogger(__name__)


def is_wanted(request: ApiRequest) -> bool:
    """Whether the front page is the guided start: nothing was ever set up here, or it is asked for
    again.
    """
    if caller_of(request.scope).is_stranger:
        return False
    if "start" in request.query_params:
        return True
    services = services_of(request)
    backing = services.dashboard
    if backing.marks.has("first_run") or "home" in request.query_params:
        return False
    return not backing.config_file.exists() and not services.keys.all()


async def start(request: ApiRequest) -> ASGIApp:
    """The guided start."""
    services = services_of(request)
    state, talkers = services.hub.state, talkers_of(services)
    server, found = state.server, await _recommended(services)
    context = {
        "title": "Welcome",
        "hardware": hardware_words(
            state.devices,
            cores=server.cores,
            memory_bytes=server.memory_bytes,
            quick=quick_parameters(found),
        ),
        "talker": first_talker(talkers),
        "found": _found(services),
        "recommended": {"model": found[0], "variant": found[1]} if found else None,
        "apps": APPS,
        "downloads": tuple(reversed(services.shop.downloads.all())),
    }
    return page_response(request, HOME, context, template="start.html")


@post("/dashboard/start/finish", guards=[change], include_in_schema=False, status_code=200)
async def finish(request: ApiRequest) -> ASGIApp:
    """Do what was ticked, and show the guided start no more."""
    services = services_of(request)
    if await field(request, "autostart"):
        await asyncio.to_thread(turn, True)
    if await field(request, "share"):
        file = services.dashboard.config_file
        await asyncio.to_thread(save_settings, file, {"sharing.mode": "idle"})
        await services.in_force.read_file()
    await services.dashboard.marks.set("first_run")
    return done(request, go=HOME.path)


async def _recommended(services: Services) -> tuple[CatalogueModel, VariantPicture] | None:
    try:
        return recommended(catalogue_picture(await services.shop.catalogue()).models)
    except AthanorError as error:
        log.warning("no model can be recommended: %s", error.message)
        return None


def _found(services: Services) -> Mapping[str, object]:
    """The models that are here already, and whose they are."""
    entries = [
        each
        for each in services.librarian.entries()
        if not each.refusal and not each.is_demonstration
    ]
    return {
        "count": len(entries),
        "whose": sorted({_whose(each.app) for each in entries}),
        "bytes": sum(each.size_bytes for each in entries),
    }


def _whose(app: App) -> str:
    return "a folder of yours" if app == "folder" else title(app)
