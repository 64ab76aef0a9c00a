"""Callers: who asks the host, as the gate found out, and how they want it answered."""

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar.types import Scope

from app.core.base.errors import RequestError, Unauthorized
from app.core.base.numbers import whole_number
from app.core.base.units import Micros
from app.core.ledger.commands import AMOUNT_MAX
from app.core.pool.wishes import wishes_of_provider
from app.server.host.access import Access
from app.server.host.caller import PoolCaller
from app.server.host.requests import Asked
from app.server.web.gate import headers_of, peer_of, request_id_of
from app.server.web.openai.generate import completion_prompts
from app.wire.openai.completions import CompletionRequest
from app.wire.openai.request import GenerationRequest, ModelRequest

_POOL_CALLER: Final = "pool_caller"
_SECRET: Final = "pool_secret"  # noqa: S105  # the name of a place in memory
_KEY_LENGTH_MAX: Final = 200
_COST_MAX: Final = "x-athanor-cost-max-micros"


def remember_caller(scope: Scope, caller: PoolCaller, secret: str) -> None:
    """Note who came, for the handlers of this request."""
    state = scope.setdefault("state", {})
    state[_POOL_CALLER], state[_SECRET] = caller, secret


def pool_caller_of(scope: Scope) -> PoolCaller:
    """Whose key the request came with. Raises: Unauthorized where it came with none."""
    caller = scope["state"].get(_POOL_CALLER)
    if isinstance(caller, PoolCaller):
        return caller
    raise Unauthorized(
        "an API key of this pool is needed",
        remedy="Ask its host for one, and send it as a Bearer token.",
    )


def asked_of(scope: Scope, data: ModelRequest, access: Access) -> Asked:
    """Who asks, and what the headers and `provider` say about how.

    Raises: Unauthorized; RequestError for wrong wishes.
    """
    caller, headers = pool_caller_of(scope), headers_of(scope)
    key = headers.get("idempotency-key", "")
    if len(key) > _KEY_LENGTH_MAX:
        raise RequestError(f"Idempotency-Key: at most {_KEY_LENGTH_MAX} characters")
    secret = scope["state"][_SECRET]
    assert isinstance(secret, str)
    return Asked(
        caller=caller,
        wishes=wishes_of_provider(data.provider or {}),
        cost_max=_cost_max(headers),
        answers=_answers(data),
        idempotency_key=key,
        fingerprint=access.fingerprint(secret, msgspec.json.encode(data)) if key else b"",
        request=request_id_of(scope),
    )


def address_of(scope: Scope, headers: Mapping[str, str], proxies: tuple[str, ...]) -> str:
    """Where the request comes from; behind a proxy of ours, what the nearest one says."""
    peer = peer_of(scope) or ""
    if peer not in proxies:
        return peer
    hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    # From the right: what stands further left was written by who knows whom.
    return next((hop for hop in reversed(hops) if hop not in proxies), peer)


def _answers(data: ModelRequest) -> int:
    """How many answers it asks for: to each of its prompts `n`. Raises: RequestError."""
    if not isinstance(data, GenerationRequest):
        return 1
    prompts = len(completion_prompts(data)) if isinstance(data, CompletionRequest) else 1
    return prompts * (data.n or 1)


def _cost_max(headers: Mapping[str, str]) -> Micros | None:
    text = headers.get(_COST_MAX)
    if text is None:
        return None
    micros = whole_number(text)
    if micros is None or not 0 < micros <= AMOUNT_MAX:
        raise RequestError(f"{_COST_MAX}: it must be a whole number of micros, above 0")
    return Micros(micros)
