"""The table: which sign moves which reason through which phases, and what a reason that holds does.

    off ──over──> rising ──(enter seconds)──> on ──under──> falling ──(leave seconds)──> off
     ^               │                         ^               │
     └── not over ───┘                         └── not under ──┘

A reason holds while it is on or falling. A dwell of 0 seconds is passed at once. Who has no past
begins on, unless its sign is under: not to know what was before is no permission.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from app.core.sharing import signs
from app.core.sharing.reasons import Reason
from app.core.sharing.signs import Read, Sign

Phase = Literal["off", "rising", "on", "falling"]

TRANSITIONS: Final[Mapping[tuple[Phase, Sign], Phase]] = {
    ("off", "under"): "off",
    ("off", "between"): "off",
    ("off", "over"): "rising",
    ("rising", "under"): "off",
    ("rising", "between"): "off",
    ("rising", "over"): "rising",
    ("on", "under"): "falling",
    ("on", "between"): "on",
    ("on", "over"): "on",
    ("falling", "under"): "falling",
    ("falling", "between"): "on",
    ("falling", "over"): "on",
}

BEGINNING: Final[Mapping[Sign, Phase]] = {"under": "off", "between": "on", "over": "on"}

ARRIVES: Final[Mapping[Phase, Phase]] = {"rising": "on", "falling": "off"}
"""Where a phase that lasts for its dwell leads."""

HOLDS: Final = frozenset({"on", "falling"})

MemoryAction = Literal["keep", "spare", "free"]
"""keep: models stay. spare: those that nobody uses go. free: all go, at once."""

LendingAction = Literal["lend", "finish", "stop"]
"""finish: no new jobs, those under way may end. stop: they stop at the next token."""


class Row(NamedTuple):
    """One reason: what its sign is read from, and what it does while it holds."""

    reason: Reason
    read: Read
    does: MemoryAction | LendingAction
    refuses_loads: bool = False
    """No request loads a model meanwhile, if the rules want that."""


MEMORY: Final = (
    Row(Reason.USER_REQ, signs.ordered_free, "free", refuses_loads=True),
    Row(Reason.EXCLUSIVE_APP_RUNNING, signs.exclusive_program_seen, "free", refuses_loads=True),
    Row(Reason.FULL_SCREEN, signs.full_screen_frees, "spare", refuses_loads=True),
    Row(Reason.VRAM_PRESSURE, signs.pressure_frees, "spare"),
)
"""A full-screen program may be a film beside which the owner works: what is in use stays."""

LENDING: Final = (
    Row(Reason.USER_REQ, signs.lending_off, "stop"),
    Row(Reason.SNOOZED, signs.snoozed, "stop"),
    Row(Reason.SNOOZED, signs.finishing, "finish"),
    Row(Reason.OS, signs.gpu_lost, "stop"),
    Row(Reason.INITIAL_DELAY, signs.just_started, "stop"),
    Row(Reason.EXCLUSIVE_APP_RUNNING, signs.exclusive_program, "stop"),
    Row(Reason.BATTERIES, signs.batteries, "stop"),
    Row(Reason.OVERHEATED, signs.overheated, "stop"),
    Row(Reason.FULL_SCREEN, signs.full_screen, "stop"),
    Row(Reason.VRAM_PRESSURE, signs.pressure, "stop"),
    Row(Reason.GPU_USAGE, signs.gpu_usage, "stop"),
    Row(Reason.USER_ACTIVE, signs.user_active, "stop"),
    Row(Reason.OWNER_REQUESTS, signs.owner_requests, "stop"),
    Row(Reason.TIME_OF_DAY, signs.outside_hours, "finish"),
    Row(Reason.WIFI_STATE, signs.metered, "finish"),
)

SEVERITY: Final[Mapping[str, int]] = {
    **{"keep": 0, "spare": 1, "free": 2},
    **{"lend": 0, "finish": 1, "stop": 2},
}
