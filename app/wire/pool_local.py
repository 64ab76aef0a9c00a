"""The local API's part about the pool that this node belongs to.

    GET    /local/pool             -> PoolPicture
    POST   /local/pool/join        JoinRequest -> PoolPicture, when the host has answered
    POST   /local/pool/leave       -> PoolPicture
    GET    /local/pool/market      -> MarketPicture: what can be had now, and for how much
    GET    /local/pool/quote       ?model=&input_tokens=&output_tokens= -> CostQuote
    GET    /local/pool/days        ?count=30 -> DayList, newest first
    GET    /local/pool/receipts    ?count=50 -> ReceiptList, newest first
    GET    /local/pool/verify      -> VerifyAnswer: the node's own chain and the host's word
    GET    /local/pool/export      -> PoolExport: everything signed, to be checked elsewhere
    GET    /local/sharing          -> SharingPicture: the owner's rules of lending and spending
    PATCH  /local/sharing          SharingChange -> SharingPicture; kept in the settings file

The rules of wire/local.py hold here too. Amounts are micros: 1 credit is 1,000,000.
"""

from typing import Final, Literal

from msgspec import UNSET, UnsetType

from app.core.sharing.rules import Mode
from app.wire.pool import Circle
from app.wire.pool_picture import PoolMessage

POOL_PREFIX: Final = "pool/"
"""Of names that mean a model of the pool and not the one at home."""


class JoinRequest(PoolMessage, frozen=True, kw_only=True, omit_defaults=True):
    """Become a member by an invite. `name` is what the host calls this machine; "" its own name."""

    invite: str
    name: str = ""

    def __repr__(self) -> str:
        return "<JoinRequest>"

    __str__ = __repr__


class QuotePicture(PoolMessage, frozen=True, kw_only=True):
    """One model that the pool serves now. Prices are micros for a million tokens."""

    model: str
    """As requests name it: "pool/qwen3-8b"."""
    sha256: str
    context: int
    input_price: int
    cached_price: int
    output_price: int
    wait_seconds: float | None
    """Until an answer would begin; None where its machines keep their GPUs for now."""
    workers: int
    nearest: Circle | Literal[""] = ""
    """In which circle the closest machine stands that lends it now; "" where none does."""
    can_be_sealed: bool
    """One of the workers is of our own devices or friends, who alone could read it."""


class MarketPicture(PoolMessage, frozen=True, kw_only=True):
    """What can be had now, and what may be spent."""

    quotes: tuple[QuotePicture, ...]
    spending: Literal["off", "prefix", "missing"]
    left_request: int
    """The most that one more request may cost now."""
    left_cap: Literal["request", "day", "month"]
    """Which of the owner's limits says so."""
    trust: Circle


class CostQuote(PoolMessage, frozen=True, kw_only=True):
    """What a request of so many tokens would cost, before it is made. Nothing is held for it."""

    model: str
    input_tokens: int
    output_tokens: int
    least: int
    """With the whole prompt cached and no answer."""
    most: int
    """With nothing cached and the whole answer."""
    wait_seconds: float | None
    """As in `QuotePicture`."""
    context: int
    available: int
    """Of the account's balance, what is not held."""
    left_request: int
    """As in `MarketPicture`."""
    left_cap: Literal["request", "day", "month"]
    nearest: Circle | Literal[""] = ""
    """As in `QuotePicture`."""
    trust: Circle = "anyone"
    """Who may read requests of this node, at the widest."""
    missing: Literal["", "spending", "trust", "context", "cap", "balance"]
    """What a whole answer wants, the nearest first: leave to spend, a machine that may read it,
    room in the context, room below the owner's limits, credits; "" where it is all there."""


class DayPicture(PoolMessage, frozen=True, kw_only=True):
    """One day of the owner's calendar."""

    date: str
    """ISO 8601."""
    earned: int = 0
    spent: int = 0
    jobs: int = 0
    kilowatt_hours: float = 0.0
    cost: str = ""
    """Of that energy, by the owner's tariff: "0.24 €"; "" without one."""


class DayList(PoolMessage, frozen=True, kw_only=True):
    """The days on which something happened, newest first."""

    days: tuple[DayPicture, ...]


class ReceiptPicture(PoolMessage, frozen=True, kw_only=True):
    """One job: of others that we computed, or of ours that the pool answered."""

    kind: Literal["earned", "spent"]
    job: str
    attempt: int = 0
    number: int | None = None
    """Place in this device's chain; None for what was spent."""
    model: str
    at: float
    micros: int | None = None
    """None while it is not known."""
    status: Literal["open", "settled"]
    served_by: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ReceiptList(PoolMessage, frozen=True, kw_only=True):
    """Newest first."""

    receipts: tuple[ReceiptPicture, ...]


class CreditsFinding(PoolMessage, frozen=True, kw_only=True):
    """One thing that does not agree."""

    place: str
    """Which entry: "receipt 17"."""
    words: str


class VerifyAnswer(PoolMessage, frozen=True, kw_only=True):
    """What a check of everything signed found."""

    is_good: bool
    receipts: int
    verdicts: int
    """Receipts that the host has counter-signed."""
    checkpoints: int
    earned: int
    """By the verdicts."""
    findings: tuple[CreditsFinding, ...] = ()
    """The first of each chain that is wrong; what follows it proves nothing."""


class ExportedReceipt(PoolMessage, frozen=True, kw_only=True):
    """One receipt of the chain; bytes in base64, as they were signed."""

    number: int
    job: str
    attempt: int
    model: str
    at: int
    receipt: bytes
    signature: bytes
    verdict: bytes | None = None
    verdict_signature: bytes | None = None
    earned: int | None = None
    settled_at: int | None = None


class ExportedCheckpoint(PoolMessage, frozen=True, kw_only=True):
    """One signed head of the host's chain."""

    number: int
    checkpoint: bytes
    signature: bytes


class ExportedAsk(PoolMessage, frozen=True, kw_only=True):
    """One request of ours that the pool answered."""

    job: str
    model: str
    at: int
    cost: int | None
    prompt_tokens: int
    completion_tokens: int
    served_by: str = ""
    receipt: str = ""


class PoolExport(PoolMessage, frozen=True, kw_only=True):
    """Everything that this node can show about one pool. Times are microseconds since 1970."""

    version: int = 1
    pool: str
    name: str
    device: str
    receipts: tuple[ExportedReceipt, ...]
    checkpoints: tuple[ExportedCheckpoint, ...]
    asks: tuple[ExportedAsk, ...]


class SharingPicture(PoolMessage, frozen=True, kw_only=True):
    """The owner's rules, as they are in force. Amounts are texts of credits: "0.25"."""

    mode: Mode
    hours: tuple[str, ...]
    idle_minutes: float
    lent_models: tuple[str, ...]
    lent_slots_percent: int
    load_for_guests: bool
    lend_to: Circle
    region: str
    """Told to the pool; "" tells nothing."""
    when_needed: Literal["hand_over", "finish"]
    price_floor: str
    earnings_cap_day: str
    spending: Literal["off", "prefix", "missing"]
    spend_request_max: str
    spend_day_max: str
    spend_month_max: str
    trust: Circle
    electricity_price: str
    electricity_currency: str
    lending_summary: str = ""
    """Whether the GPU would be lent now, and why not."""


class SharingChange(PoolMessage, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be otherwise; what is left out stays."""

    mode: Mode | UnsetType = UNSET
    hours: tuple[str, ...] | UnsetType = UNSET
    idle_minutes: float | UnsetType = UNSET
    lent_models: tuple[str, ...] | UnsetType = UNSET
    lent_slots_percent: int | UnsetType = UNSET
    load_for_guests: bool | UnsetType = UNSET
    lend_to: Circle | UnsetType = UNSET
    region: str | UnsetType = UNSET
    when_needed: Literal["hand_over", "finish"] | UnsetType = UNSET
    price_floor: str | UnsetType = UNSET
    earnings_cap_day: str | UnsetType = UNSET
    spending: Literal["off", "prefix", "missing"] | UnsetType = UNSET
    spend_request_max: str | UnsetType = UNSET
    spend_day_max: str | UnsetType = UNSET
    spend_month_max: str | UnsetType = UNSET
    trust: Circle | UnsetType = UNSET
    electricity_price: str | UnsetType = UNSET
    electricity_currency: str | UnsetType = UNSET
