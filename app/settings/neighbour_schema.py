"""The sections `neighbour` and `sharing` of the schema: when the machine's other users come first.

The rules of schema.py hold here too. What the policy makes of them stands in core/sharing.
"""

from typing import Annotated, Literal, final

import msgspec
from msgspec import Meta

from app.core.sharing.hours import PATTERN as HOURS_PATTERN
from app.settings.shapes import SECONDS


@final
class NeighbourSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When GPU memory is given back to other programs."""

    exclusive_programs: Annotated[
        tuple[str, ...],
        Meta(
            description="Programs that always win: when one starts, models leave GPU memory at "
            "once. Names as the task manager shows them, without folder; case and .exe do not "
            "matter, `*` stands for any text."
        ),
    ] = ()
    free_on_memory_pressure: Annotated[
        bool,
        Meta(
            description="Whether models that nobody uses leave a GPU when other programs take "
            "its memory, where the driver tells who holds it."
        ),
    ] = True
    free_on_full_screen: Annotated[
        bool,
        Meta(
            description="Whether models that nobody uses leave GPU memory while any program "
            "covers the whole screen, a film too."
        ),
    ] = False
    free_ram_too: Annotated[
        bool,
        Meta(
            description="Whether models that lie in RAM alone leave too when GPU memory is given "
            "back by itself."
        ),
    ] = False
    keep_awake: Annotated[
        Literal["never", "serving", "lending"],
        Meta(
            description="Whether the computer is kept from falling asleep by itself: never, while "
            "requests are answered and a minute longer, or all the time that the GPU is lent to a "
            "pool too. Not on battery, and never against a closed lid or your own wish to sleep."
        ),
    ] = "serving"
    requests_while_paused: Annotated[
        Literal["refuse", "load"],
        Meta(
            description="What becomes of a request for a model that is not loaded while a "
            "program has the GPU: refuse answers 503 with the reason, load takes the memory that "
            "is left. `athanor load` always loads."
        ),
    ] = "refuse"
    free_hold_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="How long no request takes GPU memory again after it was freed by hand.",
            extra=SECONDS,
        ),
    ] = 60
    allow_cpu_after_gpu_loss: Annotated[
        bool,
        Meta(
            description="Whether a model may run on the processor when its GPU is gone, as after "
            "a driver reset; otherwise it is refused until the GPU is back."
        ),
    ] = False


@final
class SharingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the GPU may be lent. Nothing is lent before this node has joined a pool."""

    mode: Annotated[
        Literal["off", "idle", "always"],
        Meta(
            description="Whether the GPU is lent: never, while nobody uses the machine, or beside "
            "its use; your own requests go first in any case.",
            extra={"flag": "--sharing-mode"},
        ),
    ] = "off"
    idle_minutes: Annotated[
        float,
        Meta(
            ge=0.5,
            le=1440,
            description="How long keyboard and mouse must rest before the machine counts as idle.",
            extra={"unit": "minutes", "flag": "--sharing-idle-minutes"},
        ),
    ] = 3.0
    hours: Annotated[
        tuple[Annotated[str, Meta(pattern=HOURS_PATTERN)], ...],
        Meta(
            description="Hours of the week in which the GPU may be lent, such as `mon-fri "
            "22:00-07:00` or `sat-sun`; none means all.",
            extra={"flag": "--sharing-hours", "allowed": "a list of hours of the week"},
        ),
    ] = ()
    on_battery: Annotated[
        bool,
        Meta(
            description="Whether the GPU is lent while the machine runs on its battery.",
            extra={"flag": "--sharing-on-battery"},
        ),
    ] = False
    on_metered_network: Annotated[
        bool,
        Meta(
            description="Whether the GPU is lent over a network that costs by volume.",
            extra={"flag": "--sharing-on-metered-network"},
        ),
    ] = False
    temperature_max: Annotated[
        float,
        Meta(
            ge=40,
            le=110,
            description="Above this a GPU is too warm to be lent; 10 degrees below it goes on.",
            extra={"unit": "°C", "flag": "--sharing-temperature-max"},
        ),
    ] = 85.0
    start_delay_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long after its start the node lends nothing, while the machine's "
            "facts come in.",
            extra={"unit": "seconds", "flag": "--sharing-start-delay-seconds"},
        ),
    ] = 60.0
    other_use_percent_max: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Lending pauses while other programs use more of a GPU than this.",
            extra={"unit": "percent", "flag": "--sharing-other-use-percent-max"},
        ),
    ] = 25.0
