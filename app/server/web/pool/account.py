"""What an account asks about itself, with a key: its key, its credits, prices, usage, receipts."""

import base64
import math
from typing import Final

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app.core.base.errors import ModelNotFound, RequestError, UnknownHere
from app.core.base.ids import JobId
from app.core.base.numbers import whole_number
from app.core.base.units import SECOND, Microseconds
from app.core.ledger.accounts import user
from app.core.pool.receipt import VERDICT
from app.observe.meters import CONTENT_TYPE
from app.server.host.caller import PoolCaller
from app.server.host.market import ModelNow
from app.server.storage.receipts import StoredReceipt
from app.server.storage.usage import UsageRow
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import caller_of
from app.server.web.invalid import invalid
from app.server.web.openai.serving import json_response
from app.server.web.pool.callers import pool_caller_of
from app.server.web.pool.desk import Desk, desk_of
from app.wire.pool_account import (
    TOKENS_MAX,
    BalanceAnswer,
    KeyAnswer,
    Priced,
    PricingAnswer,
    PricingRequest,
    ReceiptAnswer,
    SettledAttempt,
    UsageAnswer,
    UsageEntry,
    UsedLimit,
)

_TAGS = ["pool"]
_ROWS_MAX: Final = 1000
_ID_LENGTH_MAX: Final = 200


@get("/v1/key", summary="The key that asks", tags=_TAGS, responses={200: ResponseSpec(KeyAnswer)})
async def key(request: ApiRequest) -> ASGIApp:
    """Its project, its account, its limits and what is used of them."""
    caller, desk = pool_caller_of(request.scope), desk_of(request)
    found = desk.keys.get(caller.key_id or "")
    account, project = desk.accounts.get(caller.account), desk.accounts.project(caller.project)
    if found is None or account is None or project is None:
        raise NotFoundException
    return json_response(
        KeyAnswer(
            id=found.id,
            name=found.name,
            scopes=found.scopes,
            account=account.name,
            project=project.name,
            created=found.made_at // SECOND,
            expires=None if found.expires_at is None else found.expires_at // SECOND,
            limits=tuple(
                UsedLimit(
                    subject=use.subject,
                    measure=use.limit.measure,
                    period=use.limit.period,
                    amount=use.limit.amount,
                    used=use.used,
                    left=max(0, use.limit.amount - use.used),
                )
                for use in desk.access.uses(caller)
                if use.subject != "address"
            ),
        )
    )


@get(
    "/v1/credits/balance",
    summary="The account's credits",
    tags=_TAGS,
    responses={200: ResponseSpec(BalanceAnswer)},
)
async def balance(request: ApiRequest) -> ASGIApp:
    """What it has, what is held for requests under way, and what is free."""
    caller, desk = _billed(request), desk_of(request)
    account = desk.accounts.get(caller.account)
    assert account is not None, "callers belong to accounts"
    found = await desk.books.balance(user(caller.account), desk.now())
    return json_response(
        BalanceAnswer(
            account=account.name,
            balance=found.balance,
            held=found.held,
            owed=found.owed,
            available=found.available,
            by_source=await desk.accounts_desk.credits_by_source(account),
        )
    )


@get(
    "/v1/credits/pricing",
    summary="What tokens would cost",
    tags=_TAGS,
    responses={200: ResponseSpec(PricingAnswer)},
)
async def pricing(request: ApiRequest) -> ASGIApp:
    """The same as by POST, in the address."""
    query = request.query_params
    return await _priced(
        request,
        PricingRequest(
            model=query.get("model"),
            input_tokens=_count(query.get("input_tokens"), "input_tokens"),
            cached_input_tokens=_count(
                query.get("cached_input_tokens"), "cached_input_tokens", otherwise=0
            ),
            output_tokens=_count(query.get("output_tokens"), "output_tokens"),
        ),
    )


@post(
    "/v1/credits/pricing",
    status_code=200,
    summary="What tokens would cost: a dry run",
    tags=_TAGS,
    responses={200: ResponseSpec(PricingAnswer)},
)
async def price(data: JsonBody[PricingRequest], request: ApiRequest) -> ASGIApp:
    """Nothing is held, nothing is charged, nobody is asked."""
    return await _priced(request, data)


@get(
    "/v1/credits/usage",
    summary="The account's requests, newest first",
    tags=_TAGS,
    responses={200: ResponseSpec(UsageAnswer)},
)
async def usage(request: ApiRequest) -> ASGIApp:
    """Metadata only: there is nothing else. With `request` those of that x-request-id or job."""
    caller, desk = _billed(request), desk_of(request)
    query = request.query_params
    wanted = query.get("request")
    if wanted is not None:
        found = await desk.usage.find(wanted, account=caller.account)
        return json_response(UsageAnswer(data=tuple(_entry(desk, row) for row in found)))
    most = min(_count(query.get("limit"), "limit", otherwise=100, least=1), _ROWS_MAX)
    before = query.get("before")
    rows = await desk.usage.rows(
        account=caller.account, before=None if before is None else _moment(before), most=most
    )
    more = rows[-1].at / SECOND if len(rows) == most else None
    entries = tuple(_entry(desk, row) for row in rows)
    return json_response(UsageAnswer(data=entries, next_before=more))


@get(
    "/v1/receipts/{receipt:str}",
    summary="How a job was settled",
    tags=_TAGS,
    responses={200: ResponseSpec(ReceiptAnswer)},
)
async def receipt(request: ApiRequest) -> ASGIApp:
    """The signed verdicts of a job that the account paid or earned by.

    A job of others and one that never was are the same answer.
    """
    caller, desk = _billed(request), desk_of(request)
    job = JobId(str(request.path_params["receipt"])[:_ID_LENGTH_MAX])
    rows = await desk.receipts.of_job(job)
    mine = tuple(row for row in rows if caller.account in (row.payer, row.earner))
    if not mine:
        raise UnknownHere(
            "there is no receipt of that job for this account; "
            "a job that is under way, or ended without work, has none",
            remedy="GET /v1/credits/usage shows how the account's requests ended.",
        )
    settled = [_settled(row) for row in mine]
    return json_response(
        ReceiptAnswer(
            id=job,
            pool=settled[0][1],
            cost=max(cost for _, _, cost in settled),
            attempts=tuple(attempt for attempt, _, _ in settled),
        )
    )


@get("/metrics", summary="The host's figures for Prometheus", tags=_TAGS)
async def metrics(request: ApiRequest) -> ASGIApp:
    """Prometheus' text format, for keys of the scope metrics and for the operator."""
    if not caller_of(request.scope).may_administer:
        pool_caller_of(request.scope).needs("metrics")
    body = desk_of(request).meters.exposition()
    return ASGIResponse(body=body, media_type=CONTENT_TYPE, status_code=200)


ACCOUNT_HANDLERS: Final = (key, balance, pricing, price, usage, receipt, metrics)


def _billed(request: ApiRequest) -> PoolCaller:
    """Who asks about money. Raises: Unauthorized; Forbidden without the scope for it."""
    caller = pool_caller_of(request.scope)
    caller.needs("billing")
    return caller


async def _priced(request: ApiRequest, asked: PricingRequest) -> ASGIApp:
    caller, desk = pool_caller_of(request.scope), desk_of(request)
    if asked.cached_input_tokens > asked.input_tokens:
        raise invalid("cached_input_tokens", "is a part of input_tokens, so it cannot be more")
    available = None
    if "billing" in caller.scopes:
        available = (await desk.books.balance(user(caller.account), desk.now())).available
    names = asked.models or ((asked.model,) if asked.model is not None else None)
    every = desk.market.models(caller.account)
    chosen = every if names is None else [_named(every, name) for name in names]
    return json_response(
        PricingAnswer(
            input_tokens=asked.input_tokens,
            cached_input_tokens=asked.cached_input_tokens,
            output_tokens=asked.output_tokens,
            available=available,
            data=tuple(_quote(model, asked, available) for model in chosen),
        )
    )


def _named(models: list[ModelNow], name: str) -> ModelNow:
    for model in models:
        if name in (model.offered.name, model.offered.sha256):
            return model
    raise ModelNotFound(name, tuple(model.offered.name for model in models[:3]))


def _quote(model: ModelNow, asked: PricingRequest, available: int | None) -> Priced:
    prices = model.offered.prices
    cost = prices.cost(
        prompt=asked.input_tokens, cached=asked.cached_input_tokens, answer=asked.output_tokens
    )
    held = prices.to_hold(prompt=asked.input_tokens, answer=asked.output_tokens)
    wait = model.wait_seconds
    return Priced(
        model=model.offered.name,
        sha256=model.offered.sha256,
        input_price=prices.input,
        cached_input_price=prices.cached_input,
        output_price=prices.output,
        cost=cost,
        held_to_begin=held,
        is_affordable=None if available is None else available >= held,
        is_served=model.lending > 0,
        wait_seconds=None if math.isinf(wait) else round(wait, 1),
        context=model.context,
    )


def _entry(desk: Desk, row: UsageRow) -> UsageEntry:
    project = desk.accounts.project(row.project)
    return UsageEntry(
        id=row.job,
        request=row.request,
        created=row.at / SECOND,
        model=row.model,
        sha256=row.sha256,
        project=row.project if project is None else project.name,
        caller=row.caller,
        status=row.status,
        prompt_tokens=row.prompt,
        cached_tokens=row.cached,
        completion_tokens=row.answer,
        reasoning_tokens=row.reasoning,
        cost=row.cost,
        first_token_ms=row.first_ms,
        total_ms=row.total_ms,
        attempts=row.attempts,
    )


def _settled(row: StoredReceipt) -> tuple[SettledAttempt, str, int]:
    """An attempt, the pool's key, and what the job cost."""
    verdict = VERDICT.read(row.verdict)
    assert verdict is not None, "verdicts are stored as this host signed them"
    attempt = SettledAttempt(
        attempt=row.attempt,
        position=row.position,
        machine=row.device,
        prompt_tokens=verdict.prompt,
        cached_tokens=verdict.cached,
        completion_tokens=verdict.answer,
        earned=verdict.earned,
        ending=verdict.ending,
        reason=verdict.reason,
        at=row.at / SECOND,
        verdict=base64.b64encode(row.verdict).decode(),
        signature=base64.b64encode(row.signature).decode(),
    )
    return attempt, verdict.pool, verdict.charged


def _count(text: str | None, field: str, *, otherwise: int = 1000, least: int = 0) -> int:
    """A whole number of the query. Raises: RequestError."""
    if text is None:
        return otherwise
    number = whole_number(text)
    if number is None or not least <= number <= TOKENS_MAX:
        raise invalid(field, f"must be a whole number from {least} to {TOKENS_MAX}")
    return number


def _moment(text: str) -> Microseconds:
    """A moment of the query, in seconds. Raises: RequestError."""
    try:
        seconds = float(text)
    except ValueError:
        raise RequestError("before: must be a number of seconds", field="before") from None
    if not 0 <= seconds < 1e12:
        raise RequestError("before: must be a number of seconds since 1970", field="before")
    return Microseconds(round(seconds * SECOND))
