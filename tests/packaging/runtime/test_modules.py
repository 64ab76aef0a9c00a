"""The real modules: the processor's best variant, Vulkan on lavapipe, packs, and ones that crash.

They need what packaging/runtime/build.sh makes. lavapipe is Mesa's Vulkan on the processor; ggml
takes it only where GGML_VK_VISIBLE_DEVICES names it. Its first trial compiles shaders for a minute
or two; Mesa keeps them.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from app.core.runtime.backends import module_name
from app.core.runtime.record import ModulePlan, RuntimeRecord
from app.wire.runtime import PLAN_VARIABLE, BackendReport, RuntimePicture, TrialReport
from tests.packaging.runtime.publisher import PacksPublisher
from tests.support.node import running_node

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
WHEELS = ROOT / "build" / "runtime" / "wheel"
LAVAPIPE = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
SECONDS_MAX = 600


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that goes before the environment's own llama_cpp."""
    wheel = next(WHEELS.glob("*.whl"), None)
    if wheel is None:
        pytest.skip("needs packaging/runtime/build.sh to have been run")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def environment(site: Path, **more: str) -> dict[str, str]:
    """Of an engine that has the modules and sees lavapipe alone."""
    if not LAVAPIPE.exists():
        pytest.skip("needs lavapipe: apt-get install mesa-vulkan-drivers")
    return {
        **os.environ,
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
        "VK_ICD_FILENAMES": str(LAVAPIPE),
        "GGML_VK_VISIBLE_DEVICES": "0",
        **more,
    }


def engine(site: Path, *words: str, **more: str) -> bytes:
    """What an engine of these modules prints."""
    return subprocess.run(
        [sys.executable, "-m", "app", "engine", *words],
        env=environment(site, **more),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=SECONDS_MAX,
    ).stdout


def report(site: Path, **more: str) -> BackendReport:
    return msgspec.json.decode(engine(site, "--backends", **more), type=BackendReport)


def test_each_library_is_there_once_and_none_of_a_driver(site: Path) -> None:
    names = [path.name for path in (site / "llama_cpp" / "lib").iterdir()]

    variants = [found.variant for name in names if (found := module_name(name)) and found.variant]
    assert len(variants) == 14
    assert {"libllama.so", "libggml.so.0", "libggml-base.so.0", "libggml-vulkan.so"} < set(names)
    assert len(names) == 18
    assert list(site.rglob("libvulkan*")) == list(site.rglob("bin/*ggml*")) == []


def test_vulkan_is_loaded_before_the_best_variant_of_the_processor(site: Path) -> None:
    found = report(site)

    assert found.is_modular
    assert [(m.backend, m.is_loaded) for m in found.modules] == [("vulkan", True), ("cpu", True)]
    scores = json.loads(_scores(site))
    assert found.modules[-1].path == max(scores, key=lambda path: scores[path])
    assert [d.kind for d in found.devices] == ["gpu", "cpu"]


def _scores(site: Path) -> bytes:
    code = (
        "import json, pathlib\n"
        "from app.engine.llama import library, modules\n"
        "library.start()\n"
        "folder = library.module_folders()[0]\n"
        "print(json.dumps({str(p): modules.score_of(p) for p in folder.glob('*ggml-cpu-*')}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(site), cwd=ROOT, capture_output=True,
        check=True, timeout=SECONDS_MAX,
    )  # fmt: skip
    return done.stdout


def test_vulkan_computes_the_same_tokens_as_the_processor(site: Path) -> None:
    told = engine(site, "--trial", "Vulkan0")

    trial = msgspec.json.decode(told, type=TrialReport)
    assert trial.is_good, trial.reason
    assert trial.tokens == trial.expected
    assert len(trial.tokens) == 16


def test_a_plan_leaves_out_what_it_switches_off_and_devices_that_were_not_proved(
    site: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(msgspec.json.encode(ModulePlan(off=("gpus",))))
    without = report(site, **{PLAN_VARIABLE: str(plan)})
    plan.write_bytes(b"damaged")
    damaged = report(site, **{PLAN_VARIABLE: str(plan)})

    assert [(m.backend, m.is_loaded) for m in without.modules] == [("vulkan", False), ("cpu", True)]
    assert [device.kind for device in without.devices] == ["cpu"]
    assert [device.kind for device in damaged.devices] == ["gpu", "cpu"]  # listed, not yet allowed


def _crashing_module(folder: Path) -> Path:
    """A module that ends the process which opens it, as a broken driver does."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    source, module = folder / "crash.c", folder / "libggml-vulkan.so"
    source.write_text("#include <stdlib.h>\nvoid *ggml_backend_init(void) { abort(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", module, source], check=True)
    return module


def test_a_pack_is_installed_used_and_removed_and_one_that_crashes_changes_nothing(
    site: Path, tmp_path: Path, publisher: PacksPublisher
) -> None:
    build = report(site).build
    publisher.publish(site / "llama_cpp" / "lib" / "libggml-vulkan.so", "vulkanb", build=build)
    publisher.publish(_crashing_module(tmp_path), "broken", build=build)
    home = tmp_path / "home"
    around = environment(
        site,
        ATHANOR_ASSETS=str(publisher.assets),
        NO_PROXY="127.0.0.1,localhost",
        HF_HUB_OFFLINE="0",
    )

    def runtime(*words: str, is_good: bool = True) -> RuntimePicture:
        done = subprocess.run(
            [sys.executable, "-m", "app", "runtime", *words, "--json"],
            env={**around, "ATHANOR_HOME": str(home)},
            cwd=ROOT,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert (done.returncode == 0) == is_good, done.stdout + done.stderr
        return msgspec.json.decode(done.stdout, type=RuntimePicture)

    flags = ("--packs-address", publisher.address)
    with running_node(home, *flags, environment=around):
        listed = runtime("list", "--look")
        broken = runtime("install", "broken", is_good=False)
        installed = runtime("install", "vulkanb")
        used = runtime("use", "vulkan")
        removed = runtime("remove", "vulkanb")

    assert {pack.id for pack in listed.packs} >= {"vulkanb-1.0", "broken-1.0", "vulkan", "cpu"}
    assert "ends the engine when it is opened" in broken.told
    assert [p.id for p in installed.packs if p.is_in_use] == ["vulkanb-1.0", "cpu"]
    assert used.wish == "vulkan"
    assert "vulkanb-1.0" not in {pack.id for pack in removed.packs if pack.status == "installed"}
    record = msgspec.json.decode(
        (home / "data" / "runtimes" / "record.json").read_bytes(), type=RuntimeRecord
    )
    assert {proof.pair.pack for proof in record.proofs if proof.is_good} == {""}
