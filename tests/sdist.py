"""The source archive of llama-cpp-python that the project is pinned to: templates, vocabularies.

Found in this order: the folder that ATHANOR_LLAMA_SDIST names (an unpacked archive); `.cache` in
the repository; else the archive is downloaded there once by pip, and its `models` are unpacked.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
MODELS = Path("vendor/llama.cpp/models")


def _version() -> str:
    """The version that pyproject.toml pins."""
    found = re.search(r'"llama-cpp-python==([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert found is not None
    return found.group(1)


@cache
def archive() -> Path:
    """The .tar.gz, downloaded if need be; skips the test where that cannot be done."""
    path = CACHE / f"llama_cpp_python-{_version()}.tar.gz"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        wanted = f"llama-cpp-python=={_version()}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", "llama-cpp-python", "--dest", str(CACHE), wanted]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        if done.returncode or not path.exists():
            reason = f"{wanted} cannot be downloaded: {done.stderr.strip()[-200:]}"
            pytest.skip(reason, allow_module_level=True)
    return path


@cache
def models() -> Path:
    """The archive's folder of templates and vocabularies."""
    named = os.environ.get("ATHANOR_LLAMA_SDIST")
    folder = Path(named) if named else CACHE / f"llama_cpp_python-{_version()}"
    if not (folder / MODELS).is_dir():
        assert not named, f"ATHANOR_LLAMA_SDIST={named} has no {MODELS}"
        _unpack(folder)
    return folder / MODELS


def templates() -> list[Path]:
    """The chat templates, by name."""
    return sorted((models() / "templates").glob("*.jinja"))


def template(name: str) -> str:
    """The text of one template, named without its ending."""
    return (models() / "templates" / f"{name}.jinja").read_text()


def vocabulary(name: str) -> Path:
    """A GGUF with a vocabulary and no weights."""
    return models() / f"ggml-vocab-{name}.gguf"


def _unpack(folder: Path) -> None:
    """Unpack the models beside `folder`, then give them its name: another run sees all or none."""
    prefix = f"{folder.name}/{MODELS.as_posix()}/"
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as beside, tarfile.open(archive()) as packed:
        wanted = [member for member in packed if member.name.startswith(prefix)]
        packed.extractall(beside, members=wanted, filter="data")
        try:
            (Path(beside) / folder.name).rename(folder)
        except OSError:
            assert (folder / MODELS).is_dir(), f"{folder} cannot be made"
