"""The local API's part about the machine's other programs: what it is asked, and its answers.

    GET    /local/neighbour    -> NeighbourAnswer: the verdict, and every fact it rests on
    POST   /local/free         FreeRequest -> FreeAnswer, when GPU memory is free
    POST   /local/snooze       SnoozeRequest -> NeighbourPicture
    POST   /local/resume       -> NeighbourPicture; memory may be used again, lending may go on

The rules of wire/local.py hold here too. Names of programs stand in pictures for the owner's faces.
"""

from typing import Literal

import msgspec

from app.core.sharing.rules import Mode
from app.core.sharing.table import LendingAction, MemoryAction


class SharingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of these Structs. Defaults are written out: scripts read this JSON."""


class CausePicture(SharingMessage, frozen=True, kw_only=True):
    """One reason that holds now."""

    reason: str
    """BOINC's word where it has one: "exclusive_app_running", "batteries", "user_active"."""
    words: str
    """Why, and when it goes on, in one sentence."""
    since: float
    resumes_at: float | None = None
    """When it ends by itself; None when something must happen first."""


class NeighbourPicture(SharingMessage, frozen=True, kw_only=True):
    """How the node stands to the other programs of its machine."""

    summary: str
    """One line: "asleep: GPU memory was freed, resumes in 4 minutes"."""
    memory: MemoryAction = "keep"
    """keep: models stay. spare: those that nobody uses go. free: all go."""
    memory_causes: tuple[CausePicture, ...] = ()
    refuses_loads: bool = False
    """Requests for models that are not loaded are answered 503 with the reason."""
    lending: LendingAction = "stop"
    """lend; finish: no new jobs, those under way may end; stop."""
    lending_summary: str = ""
    lending_causes: tuple[CausePicture, ...] = ()
    mode: Mode = "off"
    since: float = 0.0
    """Of this verdict."""
    held_until: float | None = None
    """GPU memory was freed by hand, and until then no request takes it again."""
    snoozed_until: float | None = None
    lost_gpus: tuple[str, ...] = ()
    """GPUs that were there and have gone."""


class FactPicture(SharingMessage, frozen=True, kw_only=True):
    """One fact, or why it is not known here."""

    name: str
    value: str = ""
    unknown: str = ""


class NeighbourAnswer(SharingMessage, frozen=True, kw_only=True):
    """The verdict, and what it rests on."""

    neighbour: NeighbourPicture
    facts: tuple[FactPicture, ...]


class FreeRequest(SharingMessage, frozen=True, kw_only=True, omit_defaults=True):
    """Give memory back now. Answers under way end with an error."""

    scope: Literal["gpu", "all"] = "gpu"
    """gpu: models that hold GPU memory. all: those in RAM alone too."""
    hold_seconds: float | None = None
    """For so long no request loads a model again; None follows neighbour.free_hold_seconds."""


class EndedPicture(SharingMessage, frozen=True, kw_only=True):
    """One model that is gone from memory, and the bytes it held."""

    model: str
    pid: int
    gpu_bytes: int
    ram_bytes: int
    """Pages of the model's file included, which the system had for nothing."""


class FreeAnswer(SharingMessage, frozen=True, kw_only=True):
    """The memory is free."""

    ended: tuple[EndedPicture, ...]
    seconds: float
    """From the order to the proof."""
    gpu_bytes: int
    """By which free GPU memory rose, by the driver; else what the models' plans say."""
    is_measured: bool
    """The driver told, before and after."""
    is_back: bool
    """Every process is gone; and, where it is measured, the memory is free."""
    held_until: float | None = None


class SnoozeRequest(SharingMessage, frozen=True, kw_only=True, omit_defaults=True):
    """Lend nothing for a while; 0 seconds ends that."""

    seconds: float
    finish: bool = False
    """The jobs under way may end first."""
