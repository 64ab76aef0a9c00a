"""What the CUDA module is linked to, where the toolkit comes without it, as in many containers.

cuBLAS is taken from NVIDIA's wheel, which holds the same headers and library as the toolkit; the
pack takes its libraries from there anyway. For the driver's library, which only a machine with a
driver has, one of its name stands in at the link: the module finds the real one.
"""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

_HEADER: Final = "cublas_v2.h"
_LIBRARIES: Final = ("cublas", "cublasLt")


def options(toolkit: Path, release: str, folder: Path) -> list[str]:
    """What cmake must be told to find them; nothing where the toolkit has all.

    `release` is the toolkit's, "13.0"; what is fetched (0.4 GB) is kept in the folder. Raises:
    CalledProcessError where there is no such wheel.
    """
    found = []
    if not any(toolkit.rglob(_HEADER)):
        unpacked = _unpacked(release, folder / f"cublas-{release}")
        include = next(unpacked.rglob(_HEADER)).parent
        found += [f"-DCMAKE_CUDA_FLAGS=-I{include}", f"-DCMAKE_CXX_FLAGS=-I{include}"]
        found += [f"-DCUDA_{name}_LIBRARY={_library(unpacked, name)}" for name in _LIBRARIES]
    if sys.platform == "linux" and not any(toolkit.rglob("stubs/libcuda.so")):
        found.append(f"-DCUDA_cuda_driver_LIBRARY={_stand_in(folder)}")
    return found


def _library(folder: Path, name: str) -> Path:
    return next(
        file for pattern in (f"lib{name}.so.*", f"{name}.lib") for file in folder.rglob(pattern)
    )


def _stand_in(folder: Path) -> Path:
    """A library of that name. What the module calls is looked up when it is opened.

    One of the functions that it calls is in it: linkers leave out what resolves nothing, and the
    module would not name its driver then.
    """
    file = folder / "stubs" / "libcuda.so"
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["cc", "-shared", "-Wl,-soname,libcuda.so.1", "-x", "c", "-", "-o", file],
        input="void cuGetErrorString(void) {}\n",
        text=True,
        check=True,
    )
    return file


def _unpacked(release: str, folder: Path) -> Path:
    if not any(folder.rglob(_HEADER)):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
             "--dest", folder, f"nvidia-cublas=={release}.*"],
            check=True,
        )  # fmt: skip
        wheel = next(folder.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
    return folder
