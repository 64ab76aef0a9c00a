"""EngineProgram: how a child, which is this program under another first word, is started.

That is the engine, and the download process. The child gets a clean environment: a frozen program's
library path must not leak into it, secrets are none of its business, and GPUs are numbered as NVML
numbers them.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, final

import msgspec
from msgspec.structs import replace

import app
from app.settings.environment import for_other_programs
from app.settings.paths import Paths
from app.wire.runtime import PLAN_VARIABLE

_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|_KEY$", re.IGNORECASE
)

_HUB_TOKENS: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")


@final
class EngineProgram(msgspec.Struct, frozen=True, kw_only=True):
    """Command, environment and working folder of an engine child."""

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str

    @classmethod
    def of_this(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The engine of the program that runs now, from source, installed or frozen."""
        program = cls._of("engine", environment)
        plan = str(Paths.find(environment).module_plan_file)
        return replace(program, environment={**program.environment, PLAN_VARIABLE: plan})

    @classmethod
    def of_downloads(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The download process of this program; it alone is given the hub's token."""
        program = cls._of("download", environment)
        tokens = {name: environment[name] for name in _HUB_TOKENS if name in environment}
        return replace(program, environment={**program.environment, **tokens})

    @classmethod
    def _of(cls, word: str, environment: Mapping[str, str]) -> Self:
        is_frozen = bool(getattr(sys, "frozen", False))
        return cls(
            command=(sys.executable, word) if is_frozen else (sys.executable, "-m", "app", word),
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
