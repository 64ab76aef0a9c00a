"""The local API of a pool's host: what its operator's terminal and pages ask, and the answers.

    GET    /local/host                  -> HostPicture: the pool in a few figures
    GET    /local/host/accounts         -> AccountList
    POST   /local/host/accounts         AccountRequest -> AccountPicture
    GET    /local/host/accounts/{id}    -> AccountDetail; a name will do for an id everywhere
    PATCH  /local/host/accounts/{id}    AccountChange -> AccountPicture
    DELETE /local/host/accounts/{id}    -> AccountPicture, closed and forgotten
    POST   /local/host/grants           GrantRequest -> GrantAnswer
    POST   /local/host/clawbacks        ClawbackRequest -> ClawbackAnswer
    POST   /local/host/projects         ProjectRequest -> ProjectPicture
    DELETE /local/host/projects/{id}    -> ProjectPicture, closed
    POST   /local/host/friends          FriendRequest -> AccountDetail
    GET    /local/host/keys             -> PoolKeyList
    POST   /local/host/keys             PoolKeyRequest -> PoolKeyMade, the only sight of the key
    DELETE /local/host/keys/{id}        -> PoolKeyPicture, revoked
    GET    /local/host/limits/{subject}/{id} -> LimitList of a key, project or account
    PUT    /local/host/limits           LimitRequest -> LimitList of the same subject
    GET    /local/host/invites          -> InviteList
    POST   /local/host/invites          InviteRequest -> InviteMade, the only sight of its text
    DELETE /local/host/invites/{id}     -> InvitePicture, revoked
    GET    /local/host/machines         -> MachineList
    DELETE /local/host/machines/{id}    -> MachinePicture, removed
    POST   /local/host/machines/{id}/forgive -> MachinePicture
    GET    /local/host/models           -> OfferList: what is offered, by whom, at which price
    POST   /local/host/models           -> OfferList, after prices.toml was read again
    GET    /local/host/usage            ?by=account&days=30 -> UsageReport
    GET    /local/host/requests         ?id= -> RequestList: of one x-request-id or job, or newest
    POST   /local/host/audit            -> AuditPicture

All need the token of the host's lock file, or the session of its pages. Errors have OpenAI's shape.
Amounts are micros: 1 credit is 1,000,000. Times are seconds since 1970 in UTC.
"""

from typing import Annotated, Literal

from msgspec import Meta

from app.wire.pool_keys import MICROS_MAX, AdminMessage, Micros, PoolKeyPicture

LimitMeasure = Literal["requests", "tokens", "credits"]
LimitPeriod = Literal["minute", "day", "month"]
LimitSubject = Literal["key", "project", "account"]
AccountStatus = Literal["active", "paused", "closed"]
GrantSource = Literal["granted", "bought", "refunded"]
UsageBy = Literal["account", "project", "caller", "model"]


class LimitPicture(AdminMessage, frozen=True, kw_only=True):
    """A limit, and how much of it is used now. `amount` of credits is in micros."""

    measure: LimitMeasure
    period: LimitPeriod
    amount: int
    used: int


class LimitList(AdminMessage, frozen=True, kw_only=True):
    """Those of one key, project or account, defaults included."""

    subject: LimitSubject
    id: str
    limits: tuple[LimitPicture, ...]


class LimitRequest(AdminMessage, frozen=True, kw_only=True):
    """Allow so much from now on; None: what the host's settings say holds again."""

    subject: LimitSubject
    id: str
    measure: LimitMeasure
    period: LimitPeriod
    amount: Micros | None


class AccountPicture(AdminMessage, frozen=True, kw_only=True):
    """An account in one line."""

    id: str
    name: str
    state: AccountStatus
    reason: str = ""
    is_vetted: bool = False
    weight: int = 1
    made_at: float
    balance: int = 0
    held: int = 0
    owed: int = 0
    machines: int = 0
    keys: int = 0
    """Live ones."""


class AccountList(AdminMessage, frozen=True, kw_only=True):
    """Every account, closed ones too, oldest first."""

    accounts: tuple[AccountPicture, ...]


class AccountRequest(AdminMessage, frozen=True, kw_only=True):
    """Make an account."""

    name: str


class AccountChange(AdminMessage, frozen=True, kw_only=True):
    """What is given is changed. `reason` is told to the account and goes with `state`."""

    state: AccountStatus | None = None
    reason: Annotated[str, Meta(max_length=300)] = ""
    is_vetted: bool | None = None
    weight: Annotated[int, Meta(ge=1, le=1000)] | None = None


class GrantRequest(AdminMessage, frozen=True, kw_only=True):
    """Put credits into an account. The same `id` again is the same grant."""

    account: str
    amount: Annotated[int, Meta(gt=0, le=MICROS_MAX)]
    source: GrantSource = "granted"
    """bought: the seam for a way of paying: call it when the payment is sure, with its id."""
    id: Annotated[str, Meta(max_length=100)] = ""
    expires_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    reason: Annotated[str, Meta(max_length=100)] = ""


class GrantAnswer(AdminMessage, frozen=True, kw_only=True):
    """Granted; `is_new` is False where that id was granted before."""

    account: AccountPicture
    amount: int
    id: str
    is_new: bool


class ClawbackRequest(AdminMessage, frozen=True, kw_only=True):
    """Take back what a grant gave: a payment was charged back, a grant was a mistake."""

    grant: Annotated[str, Meta(min_length=1, max_length=100)]
    """The grant's `id`."""
    amount: Annotated[int, Meta(gt=0, le=MICROS_MAX)] | None = None
    """None: all of it that was not taken back or lapsed before."""
    id: Annotated[str, Meta(max_length=100)] = ""
    """The same one again takes nothing more; "" is the grant's."""
    reason: Annotated[str, Meta(max_length=100)] = ""


class ClawbackAnswer(AdminMessage, frozen=True, kw_only=True):
    """Taken back. What was spent already the account owes: `account.owed`."""

    account: AccountPicture
    amount: int
    id: str
    is_new: bool


class ProjectRequest(AdminMessage, frozen=True, kw_only=True):
    """Make a project of an account."""

    account: str
    name: str


class ProjectPicture(AdminMessage, frozen=True, kw_only=True):
    """A part of an account with keys and limits of its own."""

    id: str
    account: str
    name: str
    made_at: float
    closed_at: float | None = None


class FriendRequest(AdminMessage, frozen=True, kw_only=True):
    """Two accounts serve each other as friends, or no longer do."""

    account: str
    friend: str
    is_friend: bool = True


class StrikePicture(AdminMessage, frozen=True, kw_only=True):
    """Something that no honest machine does, as its owner was told."""

    machine: str
    kind: str
    reason: str
    job: str
    at: float


class MachinePicture(AdminMessage, frozen=True, kw_only=True):
    """A member's machine. What follows `is_connected` is known while it is."""

    id: str
    name: str
    account: str
    joined_at: float
    removed_at: float | None = None
    strikes: int = 0
    paused: str = ""
    """Why it gets no work; "" when it may."""
    is_connected: bool = False
    is_lending: bool = False
    reasons: tuple[str, ...] = ()
    """Why its owner lends nothing now."""
    running: int = 0
    models: tuple[str, ...] = ()
    gpu: str = ""
    gpu_memory_bytes: int = 0
    runtime: str = ""
    program: str = ""
    circle: str = ""


class MachineList(AdminMessage, frozen=True, kw_only=True):
    """Every machine, connected ones first, and the newest strikes."""

    machines: tuple[MachinePicture, ...]
    strikes: tuple[StrikePicture, ...] = ()


class AccountDetail(AdminMessage, frozen=True, kw_only=True):
    """One account with all that belongs to it."""

    account: AccountPicture
    projects: tuple[ProjectPicture, ...]
    keys: tuple[PoolKeyPicture, ...]
    machines: tuple[MachinePicture, ...]
    friends: tuple[str, ...]
    limits: tuple[LimitPicture, ...]
    credits: dict[str, int] = {}
    """By source: granted, earned, bought and so on."""


class DemandPicture(AdminMessage, frozen=True, kw_only=True):
    """How requests for a model ended since midnight UTC. Those refused at the door are not here."""

    answered: int = 0
    """Also those that `max_tokens` or the balance cut."""
    unserved: int = 0
    """Nobody took them in time."""
    refused: int = 0
    """By their own fault, or because the balance was too short."""
    failed: int = 0
    """Machines were asked, and no whole answer came of it."""
    cancelled: int = 0
    """Their callers left."""


class OfferPicture(AdminMessage, frozen=True, kw_only=True):
    """A model of the price list. Prices are micros for a million tokens."""

    name: str
    sha256: str
    quantisation: str = ""
    context: int
    is_embedding: bool = False
    input_price: int
    cached_input_price: int
    output_price: int
    machines: int
    """That offer it now."""
    lending: int
    """Of these, with their owner's leave now."""
    running: int
    waiting: int
    """Requests in line for it."""
    waited_seconds: float = 0.0
    """How long the one that came first has waited."""
    waiting_accounts: tuple[str, ...] = ()
    """Whose they are, whoever has most in line first."""
    today: DemandPicture | None = None
    """None where only what is now was asked for."""


class OfferList(AdminMessage, frozen=True, kw_only=True):
    """What the pool offers, as prices.toml lists it."""

    models: tuple[OfferPicture, ...]
    prices_file: str = ""
    worker_percent: int = 0
    fee_percent: int = 0
    fund_percent: int = 0
    troubles: tuple[str, ...] = ()
    """What is on the list and not offered, and why; told when it is read."""


class UsageLine(AdminMessage, frozen=True, kw_only=True):
    """What one account, project, key or model used."""

    of: str
    requests: int
    prompt: int
    cached: int
    answer: int
    cost: int


class UsageReport(AdminMessage, frozen=True, kw_only=True):
    """Since `since`, dearest first."""

    by: UsageBy
    since: float
    lines: tuple[UsageLine, ...]


class RequestPicture(AdminMessage, frozen=True, kw_only=True):
    """One job that ended: a request, or one of its choices. Counts and times, never words."""

    request: str
    """The x-request-id that its answer carried; of a machine's own request: its id there."""
    job: str
    at: float
    """When it ended."""
    account: str
    project: str
    caller: str
    """"key " and the key's id, or "device " and the device's."""
    address: str = ""
    """Where it came from, while that is kept."""
    model: str
    status: str
    prompt: int
    cached: int
    answer: int
    reasoning: int
    cost: int
    first_ms: int | None = None
    total_ms: int
    attempts: int


class RequestList(AdminMessage, frozen=True, kw_only=True):
    """Newest first."""

    requests: tuple[RequestPicture, ...]


class AuditPicture(AdminMessage, frozen=True, kw_only=True):
    """Whether the books agree with themselves and with the chain of receipts."""

    holds: bool
    events: int
    accounts: int
    receipts: int
    seconds: float
    faults: tuple[str, ...] = ()
    """What does not agree, each in a sentence."""
    at: float


class HostPicture(AdminMessage, frozen=True, kw_only=True):
    """The pool in a few figures."""

    pool: str
    name: str
    version: str
    address: str
    """Where members and callers reach it."""
    started_at: float
    accounts: int
    members_connected: int
    members_lending: int
    models_offered: int
    models_served: int
    """Of these, by a machine that lends now."""
    requests_running: int
    requests_waiting: int
    requests_today: int
    tokens_today: int
    credits_today: int
    """Micros that callers paid since midnight UTC."""
    pool_accounts: dict[str, int] = {}
    """The pool's own: fees, fund, rounding, mint, sales."""
    audit: AuditPicture | None = None
    """The last one."""
