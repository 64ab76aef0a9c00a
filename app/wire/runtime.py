"""Back ends at run time: what an engine process tells of its own, and the local API.

    GET    /local/runtime                 -> RuntimePicture; ?after=N waits for a newer one
    POST   /local/runtime/look            -> RuntimePicture, after the publisher was asked
    POST   /local/runtime/packs/{pack}    RuntimeOrder -> RuntimePicture: install, use, test, remove

Needs the same key as all of wire/local.py.
"""

from typing import Final, Literal, final

import msgspec

from app.core.models.plan import DeviceUse
from app.wire.local import LocalMessage

PLAN_VARIABLE: Final = "ATHANOR_MODULES"
"""Names the file of the plan that an engine goes by (core/runtime/record.ModulePlan); without it
every module is loaded and every device used."""


@final
class ModuleSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One module that an engine tried to load."""

    backend: str
    path: str
    pack: str
    """"" is inside the program."""
    is_loaded: bool
    reason: str = ""
    """Why not."""


@final
class BackendReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `athanor engine --backends` prints."""

    version: str
    build: str
    """Of llama.cpp: a pack fits the one that it was made for."""
    is_modular: bool
    modules: tuple[ModuleSeen, ...]
    devices: tuple[DeviceUse, ...]


@final
class TrialReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `athanor engine --trial DEVICE` prints."""

    device: str
    is_good: bool
    reason: str = ""
    tokens: tuple[int, ...] = ()
    expected: tuple[int, ...] = ()
    """The processor's, by the same weights."""
    seconds: float = 0.0


PackStatus = Literal["inside", "available", "installing", "installed", "damaged", "unusable"]
"""`damaged`: a file was changed since the pack was installed, so it is not used."""


@final
class TrialPicture(LocalMessage, frozen=True, kw_only=True):
    """What is known of one device under one pack."""

    device: str
    is_good: bool
    reason: str = ""
    at: float


@final
class LicencePicture(LocalMessage, frozen=True, kw_only=True):
    """Terms of a part of a pack."""

    of: str
    name: str
    address: str


@final
class PackPicture(LocalMessage, frozen=True, kw_only=True):
    """One pack, inside or not."""

    id: str
    """What `use`, `test`, `install` and `remove` are told."""
    title: str
    backend: str
    version: str
    status: PackStatus
    is_in_use: bool
    """Whether models that load now compute by it."""
    reason: str = ""
    """Why it is unusable or not used, or why the last order failed."""
    download_bytes: int = 0
    installed_bytes: int = 0
    done_bytes: int = 0
    """Of the download, while it is installing."""
    licences: tuple[LicencePicture, ...] = ()
    trials: tuple[TrialPicture, ...] = ()


@final
class RuntimePicture(LocalMessage, frozen=True, kw_only=True):
    """The back ends of this machine."""

    number: int
    """Rises with every change."""
    is_modular: bool
    """False where llama.cpp was built with its back ends linked in; packs are of no use then."""
    build: str
    """Of llama.cpp."""
    wish: str
    """`auto`, or what the owner chose."""
    previous: str = ""
    """The wish before it, "" where there was none."""
    packs: tuple[PackPicture, ...]
    hardware: str = ""
    """What NVIDIA's driver tells, "" where there is none."""
    advice: str = ""
    """The pack that is worth its download here, with the command, "" where there is none."""
    place: str = ""
    """The host that packs come from, "" where there is none."""
    trouble: str = ""
    """Why packs cannot be had."""
    working_on: str = ""
    """What is being done now, "" when nothing is."""
    told: str = ""
    """What came of the last order."""
    has_failed: bool = False
    """Whether the last order failed."""


@final
class RuntimeOrder(LocalMessage, frozen=True, kw_only=True):
    """What to do with a pack."""

    action: Literal["install", "use", "test", "remove"]
