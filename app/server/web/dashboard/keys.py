"""Keys: API keys are made, shown this once, and revoked."""

from collections.abc import Mapping
from typing import Literal

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.server.storage.keys import NewKey
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done, fragment, is_of_htmx
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.pages import KEYS, frame_of, page_response
from app.server.web.services import Services, services_of


@get(KEYS.path, include_in_schema=False)
async def keys(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, KEYS, _context(request, None))


@post("/dashboard/keys", guards=[change], include_in_schema=False, status_code=200)
async def make_key(request: ApiRequest) -> ASGIApp:
    """A new key, with the only sight of its secret."""
    services = services_of(request)
    made = await services.keys.create(await field(request, "name"), await _scope(request))
    return _with_list(request, made)


@post(
    "/dashboard/keys/{key_id:str}/revoke", guards=[change], include_in_schema=False, status_code=200
)
async def revoke_key(request: ApiRequest) -> ASGIApp:
    """The key is refused from now on."""
    key = await services_of(request).keys.revoke(str(request.path_params["key_id"]))
    if key is None:
        raise NotFoundException
    if not is_of_htmx(request):
        return done(request, go=KEYS.path)
    return fragment(_list(request), f"{key.name} is revoked.")


def values(services: Services) -> Mapping[str, object]:
    """Live keys, newest first, then those that were revoked."""
    newest = sorted(services.keys.all(), key=lambda key: -key.created_at)
    return {
        "live": [key for key in newest if key.revoked_at is None],
        "revoked": [key for key in newest if key.revoked_at is not None],
    }


async def _scope(request: ApiRequest) -> Literal["inference", "admin"]:
    match await field(request, "scope"):
        case "inference" | "":
            return "inference"
        case "admin":
            return "admin"
        case _:
            raise RequestError("is inference or admin", field="scope")


def _list(request: ApiRequest) -> str:
    context = {**frame_of(request, KEYS), **values(services_of(request))}
    return draw("cards/keys.html", context)


def _context(request: ApiRequest, made: NewKey | None) -> dict[str, object]:
    return {**values(services_of(request)), "made": made, "is_fragment": False}


def _with_list(request: ApiRequest, made: NewKey) -> ASGIApp:
    context = _context(request, made)
    if not is_of_htmx(request):
        return page_response(request, KEYS, context)
    frame = frame_of(request, KEYS)
    return fragment(draw("cards/key_made.html", {**frame, **context, "is_fragment": True}))
