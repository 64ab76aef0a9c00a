"""The llama.cpp sources that the pinned llama-cpp-python is compiled from.

They are looked for where `ATHANOR_LLAMA_SDIST` says (the unpacked sdist or its archive), then in
`.cache/llama-sdist`; else pip fetches the archive there from the package index that it is set to.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

VERSION: Final = "0.3.36"
VARIABLE: Final = "ATHANOR_LLAMA_SDIST"
CACHE: Final = Path(__file__).resolve().parent.parent / ".cache" / "llama-sdist"
_NAME: Final = f"llama_cpp_python-{VERSION}"


def llama_cpp_sources() -> Path:
    """The folder vendor/llama.cpp of the sdist. Raises: subprocess.CalledProcessError, OSError."""
    named = os.environ.get(VARIABLE)
    if named and Path(named).is_dir():
        return _vendored(Path(named))
    if not (CACHE / _NAME).is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        archive = Path(named) if named else CACHE / f"{_NAME}.tar.gz"
        if not archive.exists():
            _download()
        with tarfile.open(archive) as sdist:
            sdist.extractall(CACHE, filter="data")
    return _vendored(CACHE / _NAME)


def _vendored(sdist: Path) -> Path:
    folder = sdist / "vendor" / "llama.cpp"
    if not folder.is_dir():
        raise FileNotFoundError(f"{sdist} is no unpacked sdist of llama-cpp-python: no {folder}")
    return folder


def _download() -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--no-binary", "llama-cpp-python"]
    command += ["--dest", str(CACHE), f"llama-cpp-python=={VERSION}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    print(llama_cpp_sources())
