"""EngineProgram: how the engine, which is this program under another first word, is started.

The child gets a clean environment: a frozen program's library path must not leak into it, secrets
are none of its business, and GPUs are numbered as NVML numbers them.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, final

import msgspec

import app
from app.settings.environment import for_other_programs

_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|_KEY$", re.IGNORECASE
)


@final
class EngineProgram(msgspec.Struct, frozen=True, kw_only=True):
    """Command, environment and working folder of an engine child."""

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str

    @classmethod
    def of_this(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The engine of the program that runs now, from source, installed or frozen."""
        is_frozen = bool(getattr(sys, "frozen", False))
        return cls(
            command=(sys.executable, "engine")
            if is_frozen
            else (sys.executable, "-m", "app", "engine"),
            environment=clean_environment(environment, is_frozen=is_frozen),
            # `-m` looks in the working folder first: there must be no other package named app.
            folder=str(Path(app.__file__).parent.parent),
        )


def clean_environment(environment: Mapping[str, str], *, is_frozen: bool) -> dict[str, str]:
    """`environment` without secrets and without what a frozen program's start-up put into it."""
    clean = {name: value for name, value in environment.items() if not _SECRET.search(name)}
    clean = for_other_programs(clean, is_frozen=is_frozen)
    # CUDA's default order is by speed; NVML's, which our samples follow, is by PCI address.
    clean.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    return clean
