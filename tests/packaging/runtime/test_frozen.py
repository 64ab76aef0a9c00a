"""Vulkan in the built bundle, on lavapipe, which is Vulkan on the processor."""

from pathlib import Path

import msgspec
import pytest

from app.wire.runtime import TrialReport
from tests.packaging.runtime.frozen import Bundle

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

LAVAPIPE = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")


def test_vulkan_in_the_bundle_computes_the_same_tokens_as_the_processor(tmp_path: Path) -> None:
    if not LAVAPIPE.exists():
        pytest.skip("needs lavapipe: apt-get install mesa-vulkan-drivers")
    bundle = Bundle(tmp_path, VK_ICD_FILENAMES=str(LAVAPIPE), GGML_VK_VISIBLE_DEVICES="0")

    trial = msgspec.json.decode(bundle.engine("--trial", "Vulkan0"), type=TrialReport)

    assert trial.is_good, trial.reason
    assert trial.tokens == trial.expected
    assert len(trial.tokens) == 16
