"""What the CUDA module is linked to where the toolkit is only a compiler."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[3] / "packaging" / "runtime"
sys.path.insert(0, str(RUNTIME))

import cuda_libraries  # noqa: E402  # after the path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("cc") and shutil.which("readelf")),
    reason="needs Linux, a C compiler and readelf",
)

CALLS_THE_DRIVER = "void cuGetErrorString(void); void module(void) { cuGetErrorString(); }\n"


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """One with cuBLAS and without the driver's library."""
    header = tmp_path / "toolkit" / "include" / "cublas_v2.h"
    header.parent.mkdir(parents=True)
    header.touch()
    return tmp_path / "toolkit"


def test_a_toolkit_that_has_all_is_left_alone(toolkit: Path, tmp_path: Path) -> None:
    driver = toolkit / "lib64" / "stubs" / "libcuda.so"
    driver.parent.mkdir(parents=True)
    driver.touch()

    assert cuda_libraries.options(toolkit, "13.0", tmp_path / "kept") == []


def test_a_module_asks_for_the_machines_own_driver(toolkit: Path, tmp_path: Path) -> None:
    (option,) = cuda_libraries.options(toolkit, "13.0", tmp_path / "kept")
    name, _, stand_in = option.partition("=")
    module = tmp_path / "module.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-Wl,--as-needed", stand_in,
         "-o", module],
        input=CALLS_THE_DRIVER, text=True, check=True,
    )  # fmt: skip
    asked = subprocess.run(["readelf", "-d", module], capture_output=True, text=True, check=True)

    assert name == "-DCUDA_cuda_driver_LIBRARY"
    assert "[libcuda.so.1]" in asked.stdout


def test_cublas_is_taken_from_what_was_fetched_before(tmp_path: Path) -> None:
    bare, kept = tmp_path / "bare", tmp_path / "kept"
    (bare / "stubs").mkdir(parents=True)
    (bare / "stubs" / "libcuda.so").touch()
    wheel = kept / "cublas-13.0" / "nvidia"
    for name in ("include/cublas_v2.h", "lib/libcublas.so.13", "lib/libcublasLt.so.13"):
        (wheel / name).parent.mkdir(parents=True, exist_ok=True)
        (wheel / name).touch()

    assert cuda_libraries.options(bare, "13.0", kept) == [
        f"-DCMAKE_CUDA_FLAGS=-I{wheel / 'include'}",
        f"-DCMAKE_CXX_FLAGS=-I{wheel / 'include'}",
        f"-DCUDA_cublas_LIBRARY={wheel / 'lib' / 'libcublas.so.13'}",
        f"-DCUDA_cublasLt_LIBRARY={wheel / 'lib' / 'libcublasLt.so.13'}",
    ]
