"""The section `pool` of the schema: what is lent to a pool, and what may be spent in it.

The rules of schema.py hold here too. Amounts are texts such as "0.25", since money is no float;
when the GPU is lent at all stands in the section `sharing`.
"""

from typing import Annotated, Final, Literal, final

import msgspec
from msgspec import Meta

from app.core.member.credits import PATTERN as CREDITS_PATTERN
from app.core.pool.wishes import REGION_LENGTH_MAX
from app.wire.pool import Circle

_AMOUNT: Final = {"unit": "credits", "allowed": "an amount of credits such as 5 or 0.25"}


@final
class PoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What this node lends to its pool, and what it may spend there."""

    lent_models: Annotated[
        tuple[str, ...],
        Meta(
            description="Models that are lent, by their names; `*` stands for any text, and alone "
            "for all models; no name at all lends none. The host of the pool decides which of "
            "them it uses."
        ),
    ] = ("*",)
    lent_slots_percent: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Share of the answers that a model computes at the same time which guests "
            "may take; your own requests go first in any case.",
            extra={"unit": "percent"},
        ),
    ] = 50
    load_for_guests: Annotated[
        bool,
        Meta(
            description="Whether a model that is not in memory is loaded for a guest; if not, "
            "guests use only what you use yourself."
        ),
    ] = True
    lend_to: Annotated[
        Circle,
        Meta(
            description="Whose jobs this node computes: those of your own devices, of friends too, "
            "of members that the host has vetted too, or anyone's."
        ),
    ] = "anyone"
    region: Annotated[
        str,
        Meta(
            max_length=REGION_LENGTH_MAX,
            description="Where this machine stands, in a word that the pool is told, such as eu; "
            "requests that wish a region go to machines that name it. Empty tells nothing.",
            extra={"allowed": f"a text of at most {REGION_LENGTH_MAX} characters"},
        ),
    ] = ""
    when_needed: Annotated[
        Literal["hand_over", "finish"],
        Meta(
            description="What becomes of guests' jobs when you need the machine: hand_over stops "
            "them at the next token and the pool goes on elsewhere, finish lets them end. Memory "
            "that must be given back at once is given back in both."
        ),
    ] = "hand_over"
    price_floor: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="Least price of a million tokens of answer for which guests are served; 0 "
            "takes the pool's price whatever it is. Your own devices never pay.",
            extra=_AMOUNT,
        ),
    ] = "0"
    earnings_cap_day: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="Lending ends for the day when so much was earned; 0 sets no limit.",
            extra=_AMOUNT,
        ),
    ] = "0"
    spending: Annotated[
        Literal["off", "prefix", "missing"],
        Meta(
            description="Whether this node's own requests may be answered by the pool, for "
            "credits: never, when the model's name begins with `pool/`, or whenever the model is "
            "not at home too."
        ),
    ] = "off"
    spend_request_max: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="The most that one request may cost.",
            extra=_AMOUNT,
        ),
    ] = "1"
    spend_day_max: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="The most that all requests of a day may cost, from midnight to midnight.",
            extra=_AMOUNT,
        ),
    ] = "5"
    spend_month_max: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="The most that all requests of a calendar month may cost.",
            extra=_AMOUNT,
        ),
    ] = "50"
    trust: Annotated[
        Circle,
        Meta(
            description="Who may compute your requests, and so read them: only your own devices, "
            "friends too, members that the host has vetted too, or anyone. With own and friends a "
            "request is sealed to the computing machine, and the host cannot read it."
        ),
    ] = "vetted"
    electricity_price: Annotated[
        str,
        Meta(
            pattern=CREDITS_PATTERN,
            description="Price of a kilowatt hour in your own currency, to show what lending "
            "costs; 0 shows energy alone.",
            extra={"allowed": "an amount such as 0.31"},
        ),
    ] = "0"
    electricity_currency: Annotated[
        str,
        Meta(
            pattern=r"^\S{0,8}$",
            description="The currency of that price, as it is shown beside amounts.",
            extra={"allowed": "a word or sign of at most 8 characters"},
        ),
    ] = ""
