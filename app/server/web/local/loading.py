"""/local/load and /local/unload: models into memory and out of it, by the owner's wishes."""

from typing import Final

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp
from msgspec.structs import replace

from app.core.base.errors import EngineFailed
from app.core.models.wishes import Wishes
from app.core.state.engine_life import Ready
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.picture import engine_picture
from app.server.web.openai.serving import answered
from app.server.web.services import Services, services_of
from app.wire.local import LoadAnswer, LoadRequest, UnloadAnswer, UnloadRequest

_LOCAL = ["local"]

_WISHES: Final = frozenset(Wishes.__struct_fields__) & frozenset(LoadRequest.__struct_fields__)


@post(
    "/local/load",
    guards=[administer],
    status_code=200,
    summary="Load a model by these wishes",
    tags=_LOCAL,
    responses={200: ResponseSpec(LoadAnswer)},
)
async def load(data: JsonBody[LoadRequest], request: ApiRequest) -> ASGIApp:
    """Answers when the model serves; /local/events tells how far it is."""
    return await answered(request, _load(services_of(request), data))


def wishes_of(data: LoadRequest, usual: Wishes) -> Wishes | None:
    """The usual wishes with the request's put over them; None where it has none of its own."""
    said = {name: value for name in _WISHES if (value := getattr(data, name)) is not None}
    return replace(usual, **said) if said else None


async def _load(services: Services, data: LoadRequest) -> LoadAnswer:
    keep_alive = None if data.keep_alive_seconds is None else float(data.keep_alive_seconds)
    wishes = wishes_of(data, services.router.wishes)
    name = await services.router.load(data.model, wishes, keep_alive=keep_alive)
    model = services.hub.state.models.get(name)
    if model is None or not isinstance(model.life, Ready):
        raise EngineFailed(f"{name} was loaded and is gone again")
    facts = model.life.facts
    return LoadAnswer(
        engine=engine_picture(model),
        load_seconds=facts.load_seconds,
        explanation=facts.explanation,
    )


@post(
    "/local/unload",
    guards=[administer],
    status_code=200,
    summary="Unload a model after its answers under way",
    tags=_LOCAL,
    responses={200: ResponseSpec(UnloadAnswer)},
)
async def unload(data: JsonBody[UnloadRequest], request: ApiRequest) -> ASGIApp:
    """Answers when the memory is free."""
    services = services_of(request)

    async def work() -> UnloadAnswer:
        was_loaded = await services.router.unload(data.model)
        return UnloadAnswer(model=data.model, was_loaded=was_loaded)

    return await answered(request, work())
