"""/local/pool: join and leave a pool, what can be had there, what was earned and spent."""

from typing import Final

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.base.numbers import whole_number
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.pool_picture import pool_picture
from app.server.web.openai.serving import json_response
from app.server.web.services import Services, services_of
from app.wire.pool_local import (
    CostQuote,
    DayList,
    JoinRequest,
    MarketPicture,
    PoolExport,
    ReceiptList,
    VerifyAnswer,
)
from app.wire.pool_picture import PoolPicture

_LOCAL = ["local"]
COUNT_MAX: Final = 1000
_TOKENS_DIGITS_MAX: Final = 9


@get(
    "/local/pool",
    guards=[administer],
    summary="The pool that this node belongs to",
    tags=_LOCAL,
    responses={200: ResponseSpec(PoolPicture)},
)
async def pool(request: ApiRequest) -> ASGIApp:
    """As it stands now; `is_member` is false without one."""
    return json_response(_picture(services_of(request)))


@post(
    "/local/pool/join",
    guards=[administer],
    status_code=200,
    summary="Become a member of a pool by an invite",
    tags=_LOCAL,
    responses={200: ResponseSpec(PoolPicture)},
)
async def join(data: JsonBody[JoinRequest], request: ApiRequest) -> ASGIApp:
    """Answers when the host has let this node in or refused; or after 20 seconds, still trying."""
    services = services_of(request)
    # Not ended by a client that leaves: between the old membership and the new one is none.
    await services.pool.join(data.invite, data.name or services.machine)
    return json_response(_picture(services))


@post(
    "/local/pool/leave",
    guards=[administer],
    status_code=200,
    summary="Leave the pool; what was earned and spent stays known",
    tags=_LOCAL,
    responses={200: ResponseSpec(PoolPicture)},
)
async def leave(request: ApiRequest) -> ASGIApp:
    """Answers when guests' jobs have ended and the host has been told."""
    services = services_of(request)
    await services.pool.leave()
    return json_response(_picture(services))


@get(
    "/local/pool/market",
    guards=[administer],
    summary="What the pool serves now, and for how much",
    tags=_LOCAL,
    responses={200: ResponseSpec(MarketPicture)},
)
async def market(request: ApiRequest) -> ASGIApp:
    """Asks the host where the list is old."""
    return json_response(await services_of(request).pool.market())


@get(
    "/local/pool/quote",
    guards=[administer],
    summary="What a request to the pool would cost, before it is made",
    tags=_LOCAL,
    responses={200: ResponseSpec(CostQuote)},
)
async def quote(request: ApiRequest) -> ASGIApp:
    """`?model=qwen3-8b&input_tokens=1500&output_tokens=400`; 404 for a model that is not there."""
    query = request.query_params
    found = await services_of(request).pool.quote(
        query.get("model") or "",
        prompt=_tokens(query.get("input_tokens"), "input_tokens"),
        answer=_tokens(query.get("output_tokens"), "output_tokens"),
    )
    return json_response(found)


@get(
    "/local/pool/days",
    guards=[administer],
    summary="What each day earned, spent and took from the wall",
    tags=_LOCAL,
    responses={200: ResponseSpec(DayList)},
)
async def days(request: ApiRequest) -> ASGIApp:
    """Newest first; `?count=30`."""
    found = await services_of(request).pool.days(_count(request, 30))
    return json_response(DayList(days=found))


@get(
    "/local/pool/receipts",
    guards=[administer],
    summary="The last jobs: of others, and our own that the pool answered",
    tags=_LOCAL,
    responses={200: ResponseSpec(ReceiptList)},
)
async def receipts(request: ApiRequest) -> ASGIApp:
    """Newest first; `?count=50`."""
    found = await services_of(request).pool.receipts(_count(request, 50))
    return json_response(ReceiptList(receipts=found))


@get(
    "/local/pool/verify",
    guards=[administer],
    summary="Check every receipt, verdict and checkpoint that is kept",
    tags=_LOCAL,
    responses={200: ResponseSpec(VerifyAnswer)},
)
async def verify(request: ApiRequest) -> ASGIApp:
    """Needs no network and no trust."""
    return json_response(await services_of(request).pool.verify())


@get(
    "/local/pool/export",
    guards=[administer],
    summary="Everything signed, as it was signed",
    tags=_LOCAL,
    responses={200: ResponseSpec(PoolExport)},
)
async def export(request: ApiRequest) -> ASGIApp:
    """To be kept, or checked elsewhere."""
    return json_response(await services_of(request).pool.export())


def _picture(services: Services) -> PoolPicture:
    return pool_picture(services.hub.state, services.now(), device=services.pool.device)


def _tokens(text: str | None, name: str) -> int:
    if text is None or not text.isdecimal() or len(text) > _TOKENS_DIGITS_MAX:
        raise RequestError(f"{name} must be a whole number of tokens", field=name)
    return int(text)


def _count(request: ApiRequest, usual: int) -> int:
    text = request.query_params.get("count") or str(usual)
    count = whole_number(text)
    if count is None or not 1 <= count <= COUNT_MAX:
        raise RequestError(f"count must be a whole number from 1 to {COUNT_MAX}", field="count")
    return count
