"""Models: what lies on the disk, what is in memory, and by which wishes it gets there."""

from litestar import post
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.services import services_of


@post("/dashboard/models/load", guards=[change], include_in_schema=False, status_code=200)
async def load(request: ApiRequest) -> ASGIApp:
    """Load a model, or load it again by other wishes. Answers when it serves."""
    services = services_of(request)
    name = await services.router.load(await field(request, "model"))
    return done(request, f"{name} is loaded.")


@post("/dashboard/models/unload", guards=[change], include_in_schema=False, status_code=200)
async def unload(request: ApiRequest) -> ASGIApp:
    """End a model's engine after the answers under way. Answers when its memory is free."""
    services = services_of(request)
    name = services.router.find(await field(request, "model"))
    await services.router.unload(name)
    return done(request, f"{name} is unloaded.")
