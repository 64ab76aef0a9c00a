"""What an account of a pool asks about itself, with a key of the scope "billing", and the answers.

    GET  /v1/key                 -> KeyAnswer: the key, its project and account, its limits
    GET  /v1/credits/balance     -> BalanceAnswer
    GET  /v1/credits/pricing     ?model=&input_tokens=&output_tokens= -> PricingAnswer
    POST /v1/credits/pricing     PricingRequest -> PricingAnswer; nothing is held or charged
    GET  /v1/credits/usage       ?limit=&before= -> UsageAnswer: requests, newest first;
                                 ?request= -> of that x-request-id or job alone
    GET  /v1/receipts/{id}       -> ReceiptAnswer: how a job was settled, as it was signed

Amounts are micros: 1 credit is 1,000,000. Times are seconds since 1970 in UTC, as OpenAI's are.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

TOKENS_MAX = 100_000_000


class AccountAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of these Structs."""


class UsedLimit(AccountAnswer, frozen=True, kw_only=True):
    """A limit and what of it is used now. `amount` of credits is in micros."""

    subject: Literal["key", "project", "account"]
    measure: Literal["requests", "tokens", "credits"]
    period: Literal["minute", "day", "month"]
    amount: int
    used: int
    left: int


class KeyAnswer(AccountAnswer, frozen=True, kw_only=True):
    """The key that asks."""

    object: Literal["key"] = "key"
    id: str
    name: str
    scopes: tuple[str, ...]
    account: str
    project: str
    created: int
    expires: int | None = None
    limits: tuple[UsedLimit, ...] = ()


class BalanceAnswer(AccountAnswer, frozen=True, kw_only=True):
    """The credits of the account that asks."""

    object: Literal["credits.balance"] = "credits.balance"
    account: str
    balance: int
    """All of it, held credits too."""
    held: int
    """For requests under way."""
    owed: int
    """After a chargeback: what comes in goes there first."""
    available: int
    """For the next request."""
    by_source: dict[str, int] = {}
    """granted, earned, commission, refunded, bought; spent in this order."""


class PricingRequest(AccountAnswer, frozen=True, kw_only=True):
    """A dry run: what would so many tokens cost?"""

    model: str | None = None
    """None: each that the pool offers."""
    models: tuple[str, ...] | None = None
    input_tokens: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] = 1000
    cached_input_tokens: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] = 0
    """Of `input_tokens`."""
    output_tokens: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] = 1000


class Priced(AccountAnswer, frozen=True, kw_only=True):
    """One model. Prices are micros for a million tokens."""

    model: str
    sha256: str
    input_price: int
    cached_input_price: int
    output_price: int
    cost: int
    """Of the tokens that were asked about, rounded as a charge is."""
    held_to_begin: int
    """What must be available for a request of these tokens to be answered whole."""
    is_affordable: bool | None = None
    """None where the key may not know the balance."""
    is_served: bool
    """A machine lends it now."""
    wait_seconds: float | None = None
    """Expected; None while nobody lends it."""
    context: int


class PricingAnswer(AccountAnswer, frozen=True, kw_only=True):
    """Quotes; the price that holds is the one of the moment when a request comes."""

    object: Literal["credits.pricing"] = "credits.pricing"
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    available: int | None = None
    """Of the account; None where the key has not the scope billing."""
    data: tuple[Priced, ...]


class UsageEntry(AccountAnswer, frozen=True, kw_only=True):
    """One job that ended: a request, or one of its choices."""

    id: str
    """The job, as its receipt names it."""
    request: str = ""
    """x-request-id of the answer that it was; of a machine's own request: its id there."""
    created: float
    model: str
    sha256: str
    project: str
    caller: str
    status: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: int
    first_token_ms: int | None = None
    total_ms: int
    attempts: int


class UsageAnswer(AccountAnswer, frozen=True, kw_only=True):
    """Newest first; `next_before` goes on with older ones."""

    object: Literal["list"] = "list"
    data: tuple[UsageEntry, ...]
    next_before: float | None = None


class SettledAttempt(AccountAnswer, frozen=True, kw_only=True):
    """One machine's part of an answer, as the host settled it."""

    attempt: int
    position: int
    """In the host's chain of verdicts."""
    machine: str
    """The device's key; receipts are signed by it."""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    earned: int
    """Micros of the machine's owner, after the pool's fee."""
    ending: str
    reason: str = ""
    """Why less was paid than the machine's receipt says; "" where it was not."""
    at: float
    verdict: str
    """The signed bytes in Base64, with the machine's own receipt within."""
    signature: str
    """Of the host's key, in Base64."""


class ReceiptAnswer(AccountAnswer, frozen=True, kw_only=True):
    """How a job was settled."""

    object: Literal["receipt"] = "receipt"
    id: str
    """The job."""
    pool: str
    """The host's key, by which the signatures are checked."""
    cost: int
    attempts: tuple[SettledAttempt, ...]
