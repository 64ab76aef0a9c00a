"""What the checks of installers share: where things are, and what is missing to run one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "packaging"
BUNDLE = Path(os.environ.get("BUNDLE", ROOT / "dist" / "athanor"))
KEPT = ROOT / "build" / "bundle-test"
"""Where `make bundle-test` keeps its output."""

for _folder in (PACKAGING, PACKAGING / "linux", PACKAGING / "bundle"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from installed import until  # noqa: E402  # a script of packaging/bundle

__all__ = ["BUNDLE", "KEPT", "PACKAGING", "ROOT", "needs", "needs_bundle", "ran", "until"]


def needs(*tools: str) -> None:
    """Skips where a tool is missing, by its name."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def needs_bundle() -> None:
    """Skips where nothing was built."""
    if not (BUNDLE / "athanor").exists():
        pytest.skip("needs dist/athanor: make bundle")


def ran(command: Sequence[str | Path], **options: object) -> str:
    """What a command printed, both streams together; fails with that where it ended badly."""
    done = subprocess.run(  # type: ignore[call-overload]  # options are subprocess's own
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return str(done.stdout)
