"""The versions of drivers, as their own libraries tell them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.source import ROOT

LAVAPIPE = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
NVML = """
#include <string.h>
int nvmlInit_v2(void) { return %d; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { strcpy(text, "580.65.06"); return 0; }
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libraries are made for Linux")


def _drivers(**more: str) -> dict[str, list[str]]:
    """What an engine prints of this machine."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "engine", "--drivers"],
        env={**os.environ, **more},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("status", "told"), [(0, ["580.65.06"]), (9, None)])
def test_nvidias_driver_is_what_its_library_says_and_unknown_where_it_fails(
    tmp_path: Path, status: int, told: list[str] | None
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    source = tmp_path / "nvml.c"
    source.write_text(NVML % status)
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)

    assert _drivers(LD_LIBRARY_PATH=str(tmp_path)).get("cuda") == told


def test_a_vulkan_driver_is_what_the_loader_says_of_it() -> None:
    if not LAVAPIPE.exists():
        pytest.skip("needs lavapipe: apt-get install mesa-vulkan-drivers")

    (told,) = _drivers(VK_ICD_FILENAMES=str(LAVAPIPE))["vulkan"]

    assert told.startswith("llvmpipe Mesa ")
    assert "LLVM" in told


def test_where_no_driver_answers_nothing_is_known(tmp_path: Path) -> None:
    found = _drivers(VK_ICD_FILENAMES=str(tmp_path / "none.json"), VK_DRIVER_FILES="")

    assert "vulkan" not in found
