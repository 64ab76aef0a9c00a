"""The real CUDA pack and the built bundle: whether it is offered is what NVIDIA's driver makes it.

Apart from the other tests of the bundle: its module takes hours to compile, which a release does
in a job of its own (`make bundle-test ARGS="--strict cuda"`).
"""

import json
from pathlib import Path

import msgspec
import pynvml
import pytest

from app.core.release.manifest import system_of
from app.core.runtime.packs import Hardware, Pack, why_not
from app.wire.runtime import BackendReport, RuntimePicture
from tests.packaging.installers.support import ROOT
from tests.packaging.runtime.frozen import Bundle
from tests.packaging.runtime.publisher import PacksPublisher

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

CUDA = ROOT / "build" / "runtime" / "cuda13" / "libggml-cuda.so"


def hardware(build: str) -> Hardware:
    """What the driver says to this process, of which the bundle knows nothing."""
    mine = Hardware(system=system_of("linux", "x86_64"), build=build)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return mine
    cards = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
    capabilities = [pynvml.nvmlDeviceGetCudaComputeCapability(card) for card in cards]
    return msgspec.structs.replace(
        mine,
        nvidia_driver=pynvml.nvmlSystemGetDriverVersion(),
        compute_capabilities=tuple(f"{major}.{minor}" for major, minor in capabilities),
    )


def test_the_cuda_pack_is_offered_where_it_serves_a_gpu_and_refused_with_the_reason_elsewhere(
    tmp_path: Path, publisher: PacksPublisher
) -> None:
    if not CUDA.is_file():
        pytest.skip("needs packaging/runtime/build.sh cuda13 to have been run")
    bundle = Bundle(tmp_path, ATHANOR_ASSETS=str(publisher.assets))
    report = msgspec.json.decode(bundle.engine("--backends"), type=BackendReport)
    publisher.publish(CUDA, "cuda13", build=report.build, backend="cuda")
    entry = next(publisher.packs.glob("cuda13-*.json"))
    mine = hardware(report.build)
    reason = why_not(msgspec.json.decode(entry.read_bytes(), type=Pack), mine)

    with bundle.serving("--packs-address", publisher.address):
        listed = bundle.run("runtime", "list", "--look", "--json")
        # Where it serves, it would need NVIDIA's libraries, which are not in a test's pack.
        refused = bundle.run("runtime", "install", "cuda13", "--json") if reason else None
        after = bundle.run("runtime", "list", "--json")

    packs = msgspec.json.decode(listed.stdout, type=RuntimePicture).packs
    cuda = next(pack for pack in packs if pack.id == "cuda13-1.0")
    assert (cuda.status, cuda.reason) == ("unusable" if reason else "available", reason)
    assert cuda.download_bytes > 10_000_000, "it is the real one"
    assert mine.nvidia_driver or reason == "no NVIDIA driver answers"
    if refused:
        assert refused.returncode != 0
        assert reason in json.loads(refused.stderr or refused.stdout)["error"]["message"]
    packs = msgspec.json.decode(after.stdout, type=RuntimePicture).packs
    assert "installed" not in {pack.status for pack in packs}
