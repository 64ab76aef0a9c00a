"""GET /v1/models of a pool: what it can serve now, with price, context and expected wait."""

import math

from litestar import get
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import ModelNotFound
from app.server.host.market import ModelNow
from app.server.web.body import ApiRequest
from app.server.web.openai.serving import json_response
from app.server.web.pool.callers import pool_caller_of
from app.server.web.pool.services import HostServices, host_of
from app.wire.openai.pool_models import PoolModel, PoolModelList, PoolPrices

CREATED = 0
"""A content has no date; clients only want a number."""


@get(
    ["/v1/models", "/models"],
    summary="What the pool can serve now",
    tags=["OpenAI"],
    responses={200: ResponseSpec(PoolModelList)},
)
async def list_models(request: ApiRequest) -> ASGIApp:
    """Every model on the host's list, those first that somebody lends."""
    return json_response(PoolModelList(data=_all(host_of(request), request)))


@get(
    ["/v1/models/{name:path}", "/models/{name:path}"],
    summary="One model of the pool, by any of its names",
    tags=["OpenAI"],
    responses={200: ResponseSpec(PoolModel)},
)
async def one_model(request: ApiRequest) -> ASGIApp:
    """One model."""
    host = host_of(request)
    name = host.gateway.offers.find(str(request.path_params["name"]).removeprefix("/"))
    found = next((each for each in _all(host, request) if each.id == name), None)
    if found is None:
        raise ModelNotFound(name)
    return json_response(found)


def _all(host: HostServices, request: ApiRequest) -> list[PoolModel]:
    account = pool_caller_of(request.scope).account
    shown = [shape(each) for each in host.market.models(account)]
    return sorted(shown, key=lambda model: (not model.workers, model.id))


def shape(model: ModelNow) -> PoolModel:
    """As clients read it. Prices are micros for a million tokens."""
    offered, wait = model.offered, model.wait_seconds
    return PoolModel(
        id=offered.name,
        created=CREATED,
        context_length=model.context,
        max_model_len=model.context,
        type="embeddings" if offered.is_embedding else "llm",
        quantization=offered.quantisation,
        sha256=offered.sha256,
        capabilities=offered.facts.capabilities,
        prices=PoolPrices(
            input=offered.prices.input,
            cached_input=offered.prices.cached_input,
            output=offered.prices.output,
        ),
        workers=model.workers,
        lending=model.lending,
        wait_seconds=None if math.isinf(wait) else round(wait, 1),
    )
