"""Models: what lies on the disk, what is in memory, and by which wishes it gets there."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

import msgspec
from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.base.ids import ModelName
from app.core.models.apps import title
from app.core.models.names import reading_order
from app.core.state.engine_life import Ready
from app.core.state.node_state import NodeState
from app.core.state.view import life_words
from app.server.storage.model_wishes import NONE, KeptWishes
from app.server.web.body import ApiRequest
from app.server.web.dashboard import catalogue
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.home import running_of
from app.server.web.dashboard.pages import MODELS, page_response
from app.server.web.local.library import library_model, library_picture
from app.server.web.services import Services, services_of
from app.wire.library import LibraryModel

CARDS: Final = ("downloads", "library", "folders")

_ORDER: Final = {"loaded": 0, "loading": 1, "unloading": 2, "failed": 3, "unloaded": 4}

_WISHES: Final = (
    ("context", "Context", "tokens", "0: what fits"),
    ("sequences", "Answers at once", "", ""),
    ("gpu_layers", "Layers on the GPU", "", "-1: as many as fit"),
    ("keep_alive", "Stays loaded", "seconds without use", "-1: for ever"),
)
"""What a load may wish: field of KeptWishes, label, unit, words for its special value."""


@get(MODELS.path, include_in_schema=False)
async def models(request: ApiRequest) -> ASGIApp:
    """The library."""
    services = services_of(request)
    services.router.models()  # Has the folders looked at, soon, if that is long ago.
    return page_response(request, MODELS, await values(services))


@get("/dashboard/model", include_in_schema=False)
async def one_model(request: ApiRequest) -> ASGIApp:
    """All that is known of one model, and how it is loaded."""
    services = services_of(request)
    model = await library_model(services, request.query_params.get("name", ""))
    return page_response(request, MODELS, _one(services, model), template="model.html")


@post("/dashboard/models/load", guards=[change], include_in_schema=False, status_code=200)
async def load(request: ApiRequest) -> ASGIApp:
    """Load a model as it is wished for. Answers when it serves."""
    name = await services_of(request).router.load(await field(request, "model"))
    return done(request, f"{name} is loaded.")


@post("/dashboard/models/load-so", guards=[change], include_in_schema=False, status_code=200)
async def load_so(request: ApiRequest) -> ASGIApp:
    """Load a model by these wishes, again if it was loaded by others, and keep them or not."""
    services = services_of(request)
    wished = {name: await _number(request, name) for name, *_ in _WISHES}
    kept = msgspec.convert(wished, KeptWishes)
    name = await services.router.load(
        await field(request, "model"),
        kept.over(services.router.wishes),
        keep_alive=None if kept.keep_alive is None else float(kept.keep_alive),
    )
    # Only what has worked is worth keeping.
    keeps = await field(request, "keep") == "yes"
    await services.dashboard.wishes.keep(name, kept if keeps else NONE)
    return done(request, f"{name} is loaded.", go=f"/dashboard/model?name={quote(name, safe='')}")


@post("/dashboard/models/unload", guards=[change], include_in_schema=False, status_code=200)
async def unload(request: ApiRequest) -> ASGIApp:
    """End a model's engine after the answers under way. Answers when its memory is free."""
    services = services_of(request)
    name = services.router.find(await field(request, "model"))
    await services.router.unload(name)
    return done(request, f"{name} is unloaded.")


@post("/dashboard/models/delete", guards=[change], include_in_schema=False, status_code=200)
async def delete(request: ApiRequest) -> ASGIApp:
    """Delete a model's files from our own folder."""
    await services_of(request).librarian.remove(await field(request, "model"))
    return done(request, go=MODELS.path)


@post("/dashboard/models/check", guards=[change], include_in_schema=False, status_code=200)
async def check(request: ApiRequest) -> ASGIApp:
    """Have a model's content read and compared with what its name claims."""
    entry = await services_of(request).librarian.check(await field(request, "model"))
    return done(request, f"{entry.name} is being read.")


@post("/dashboard/models/look", guards=[change], include_in_schema=False, status_code=200)
async def look(request: ApiRequest) -> ASGIApp:
    """Look at every folder now."""
    await services_of(request).librarian.look()
    return done(request, "Every folder was looked at.")


@post("/dashboard/folders/add", guards=[change], include_in_schema=False, status_code=200)
async def add_folder(request: ApiRequest) -> ASGIApp:
    """Offer the models of a folder."""
    path = await field(request, "path", length_max=4096)
    await services_of(request).librarian.add_folder(path)
    return done(request, "The folder is offered.", go=f"{MODELS.path}#folders")


@post("/dashboard/folders/remove", guards=[change], include_in_schema=False, status_code=200)
async def remove_folder(request: ApiRequest) -> ASGIApp:
    """Offer the models of a folder no more; no file is touched."""
    path = await field(request, "path", length_max=4096)
    await services_of(request).librarian.remove_folder(path)
    return done(request, "The folder is offered no more.", go=f"{MODELS.path}#folders")


async def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    library, state = await library_picture(services), services.hub.state
    rows = sorted(library.models, key=lambda each: (_ORDER[each.status], reading_order(each.name)))
    return {
        "library": library,
        "rows": [_row(each, state, services.now()) for each in rows],
        "total_bytes": sum(each.size_bytes for each in library.models),
        **catalogue.values(services),
    }


def _row(model: LibraryModel, state: NodeState, now: float) -> Mapping[str, object]:
    known = state.models.get(ModelName(model.name))
    return {
        "model": model,
        "origin": title(model.origin),
        "running": None if known is None else running_of(known, now),
    }


def _one(services: Services, model: LibraryModel) -> Mapping[str, object]:
    state = services.hub.state.models.get(ModelName(model.name))
    kept = services.dashboard.wishes.of(ModelName(model.name))
    ready = state.life if state is not None and isinstance(state.life, Ready) else None
    return {
        **_row(model, services.hub.state, services.now()),
        "facts": ready.facts if ready else None,
        "file_name": PurePath(model.path).name,
        "folder": str(PurePath(model.path).parent),
        "title": model.name,
        "kept": msgspec.structs.asdict(kept),
        "is_kept": kept != NONE,
        "wishes": [(*wish, _usual(services, wish[0])) for wish in _WISHES],
        "row_words": life_words(state, services.now()) if state is not None else "",
    }


def _usual(services: Services, name: str) -> int:
    """What the settings say of a wish."""
    if name == "keep_alive":
        return services.settings.models.keep_alive_seconds
    usual: int = getattr(services.router.wishes, name)
    return usual


async def _number(request: ApiRequest, name: str) -> int | None:
    text = await field(request, name, length_max=12)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"{name} is no whole number", field=name) from None
