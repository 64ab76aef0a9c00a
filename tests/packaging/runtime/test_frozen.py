"""Back ends of the built bundle: Vulkan on lavapipe, and the CUDA pack where there is no NVIDIA.

The bundle runs in an environment of its own. `BUNDLE=FOLDER` names another than dist/athanor.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from app.wire.runtime import BackendReport, RuntimePicture, TrialReport
from tests.packaging.installers.support import BUNDLE, ROOT, needs_bundle
from tests.packaging.runtime.publisher import PacksPublisher

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

LAVAPIPE = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
CUDA = ROOT / "build" / "runtime" / "cuda13" / "libggml-cuda.so"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
SECONDS_MAX = 600


class Bundle:
    """The frozen program with one home, and what its processes are told besides."""

    def __init__(self, home: Path, **more: str) -> None:
        needs_bundle()
        self.environment = {"HOME": str(home), "PATH": "/nowhere", **more}

    def run(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [BUNDLE / "athanor", *words],
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=SECONDS_MAX,
        )

    def engine(self, *words: str) -> bytes:
        done = self.run("engine", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *flags: str) -> Iterator[None]:
        command = [BUNDLE / "athanor", "serve", "--port", "0", "--json", *flags]
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline(), "the bundle does not serve"
            server.stdout.close()
            try:
                yield
            finally:
                server.terminate()
                assert server.wait(60) == 0


def test_vulkan_in_the_bundle_computes_the_same_tokens_as_the_processor(tmp_path: Path) -> None:
    if not LAVAPIPE.exists():
        pytest.skip("needs lavapipe: apt-get install mesa-vulkan-drivers")
    bundle = Bundle(tmp_path, VK_ICD_FILENAMES=str(LAVAPIPE), GGML_VK_VISIBLE_DEVICES="0")

    trial = msgspec.json.decode(bundle.engine("--trial", "Vulkan0"), type=TrialReport)

    assert trial.is_good, trial.reason
    assert trial.tokens == trial.expected
    assert len(trial.tokens) == 16


def test_the_cuda_pack_is_offered_and_refused_where_no_nvidia_driver_answers(
    tmp_path: Path, publisher: PacksPublisher
) -> None:
    if not CUDA.is_file():
        pytest.skip("needs packaging/runtime/build.sh cuda13 to have been run")
    if NVIDIA_DRIVER.exists():
        pytest.skip("needs a machine without NVIDIA's driver")
    bundle = Bundle(tmp_path, ATHANOR_ASSETS=str(publisher.assets))
    report = msgspec.json.decode(bundle.engine("--backends"), type=BackendReport)
    publisher.publish(CUDA, "cuda13", build=report.build, backend="cuda")

    with bundle.serving("--packs-address", publisher.address):
        listed = bundle.run("runtime", "list", "--look", "--json")
        refused = bundle.run("runtime", "install", "cuda13", "--json")
        after = bundle.run("runtime", "list", "--json")

    packs = msgspec.json.decode(listed.stdout, type=RuntimePicture).packs
    cuda = next(pack for pack in packs if pack.id == "cuda13-1.0")
    assert (cuda.status, cuda.reason) == ("unusable", "no NVIDIA driver answers")
    assert cuda.download_bytes > 10_000_000, "it is the real one"
    assert refused.returncode != 0
    assert (
        "no NVIDIA driver answers"
        in json.loads(refused.stderr or refused.stdout)["error"]["message"]
    )
    packs = msgspec.json.decode(after.stdout, type=RuntimePicture).packs
    assert "installed" not in {pack.status for pack in packs}
