"""GET /v1/models: the library with the state of each model. Answers at once, wakes nothing."""

from collections.abc import Mapping

from litestar import get
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.core.base.errors import ModelNotFound
from app.core.base.ids import ModelName
from app.core.models.abilities import expected_abilities
from app.core.models.card import ModelCard
from app.core.models.demonstration import DESCRIPTION, REMEDY
from app.core.state.engine_life import EngineFacts, Failed, Loading, Ready, Unloaded, Unloading
from app.core.state.node_state import ModelState
from app.server.web.body import ApiRequest
from app.server.web.openai.serving import json_response
from app.server.web.services import Services, services_of
from app.wire.openai.models import Model, ModelList, ModelMeta
from app.wire.openai.models import ModelState as ModelStatus
from app.wire.openai.pool_models import PoolPrices
from app.wire.pool import Quote
from app.wire.pool_local import POOL_PREFIX

_STAGES = ("library", "weights", "context", "template", "warmup")


@get(
    ["/v1/models", "/models"],
    summary="Every model that a request may name",
    tags=["OpenAI"],
    responses={200: ResponseSpec(ModelList)},
)
async def list_models(request: ApiRequest) -> ASGIApp:
    """The library; and what the pool serves, where the owner lets this node spend."""
    return json_response(ModelList(data=all_models(services_of(request))))


@get(
    ["/v1/models/{name:path}", "/models/{name:path}"],
    summary="One model, by any of its names",
    tags=["OpenAI"],
    responses={200: ResponseSpec(Model)},
)
async def one_model(request: ApiRequest) -> ASGIApp:
    """One model; its id is the name as it was asked for."""
    services = services_of(request)
    asked = str(request.path_params["name"]).removeprefix("/")
    await services.router.seek(asked)
    if asked.startswith(POOL_PREFIX):
        return json_response(_one_of_pool(services, asked))
    # Not from the list: the demonstration can be named while it is not offered.
    state = services.hub.state.models[services.router.find(asked)]
    return json_response(replace(_model(services, state, services.library.cards()), id=asked))


def all_models(services: Services) -> list[Model]:
    """Every model as clients read it."""
    cards = services.library.cards()
    models = [_model(services, state, cards) for state in services.router.models()]
    return [*models, *(shape_quote(services, quote) for quote in services.pool.quotes())]


def _one_of_pool(services: Services, name: str) -> Model:
    found = next((q for q in services.pool.quotes() if POOL_PREFIX + q.model == name), None)
    if found is None:
        raise ModelNotFound(name)
    return shape_quote(services, found)


def shape_quote(services: Services, quote: Quote) -> Model:
    """A model of the pool as clients read it; its prices are micros for a million tokens."""
    pool = services.hub.state.pool
    return Model(
        id=POOL_PREFIX + quote.model,
        created=int(services.hub.state.server.started_at),
        owned_by=(pool.name if pool else "") or "pool",
        context_length=quote.context or UNSET,
        max_model_len=quote.context or UNSET,
        meta=ModelMeta(n_ctx_train=quote.context, n_params=0, n_embd=0, n_vocab=0, size=0),
        status=ModelStatus(value="unloaded"),
        prices=PoolPrices(
            input=quote.prices[0], cached_input=quote.prices[1], output=quote.prices[2]
        ),
        workers=quote.workers,
        wait_seconds=quote.expected_wait,
    )


def _model(services: Services, state: ModelState, cards: Mapping[ModelName, ModelCard]) -> Model:
    return shape_model(
        state,
        cards.get(state.name),
        created=int(services.hub.state.server.started_at),
        aliases=services.library.aliases(state.name),
    )


def shape_model(
    state: ModelState, card: ModelCard | None, *, created: int, aliases: tuple[str, ...]
) -> Model:
    """The fields that clients read. `card` is None when the file went while its engine lives."""
    facts = state.life.facts if isinstance(state.life, Ready) else None
    trained = facts.context_trained if facts else card.context_trained if card else 0
    context = facts.context if facts else trained
    return Model(
        id=state.name,
        created=created,
        context_length=context or UNSET,
        max_model_len=context or UNSET,
        max_context_length=trained or UNSET,
        meta=_meta(state, card, facts),
        capabilities=facts.capabilities if facts else expected_abilities(card),
        status=_status(state),
        type="embeddings" if card and card.is_embedding else "llm",
        quantization=card.quantisation if card else "",
        aliases=aliases,
        description=f"{DESCRIPTION} {REMEDY}" if state.is_demonstration else UNSET,
        is_demonstration=state.is_demonstration or UNSET,
    )


def _meta(state: ModelState, card: ModelCard | None, facts: EngineFacts | None) -> ModelMeta:
    context: int | UnsetType = facts.context if facts else UNSET
    return ModelMeta(
        n_ctx=context,
        n_ctx_train=card.context_trained if card else 0,
        n_params=card.parameters if card else 0,
        n_embd=card.embedding_length if card else 0,
        n_vocab=card.vocabulary if card else 0,
        size=state.size_bytes,
    )


def _status(state: ModelState) -> ModelStatus:
    match state.life:
        case Ready():
            return ModelStatus(value="loaded")
        case Loading(stage=stage, fraction=fraction):
            done = _STAGES.index(stage) if stage in _STAGES else 0
            return ModelStatus(value="loading", progress=(done + fraction) / len(_STAGES))
        case Unloading():
            return ModelStatus(value="unloading")
        case Failed():
            return ModelStatus(value="unloaded", failed=True)
        case Unloaded():
            return ModelStatus(value="unloaded")


def models_by_state(states: Mapping[ModelName, ModelState]) -> dict[str, str]:
    """The word for each model that is not simply unloaded, for /health."""
    return {
        name: "failed" if isinstance(state.life, Failed) else _status(state).value
        for name, state in states.items()
        if not isinstance(state.life, Unloaded)
    }
