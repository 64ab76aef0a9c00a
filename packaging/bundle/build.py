"""Build the bundle: `python packaging/bundle/build.py` (or `make bundle`).

An environment of its own in build/bundle-venv gets the program's dependencies and PyInstaller and
nothing else, so that nothing else can be collected. llama.cpp is compiled for any machine of the
architecture, not for this one; that takes minutes once, and is kept. The result is dist/athanor,
packed beside it as a .tar.zst, with its size printed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build"
DIST: Final = ROOT / "dist"
VENV: Final = BUILD / "bundle-venv"
PYTHON: Final = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
RECORD: Final = VENV / "athanor-bundle.json"
ENGINE: Final = "llama-cpp-python"
PYINSTALLER: Final = "pyinstaller>=6.16,<7"
PORTABLE: Final = "-DGGML_NATIVE=OFF"
"""What must hold on every machine. Without this a bundle ends on a CPU older than the builder's."""

_WORDS: Final = {"linux": "linux", "darwin": "macos", "win32": "windows"}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-archive", action="store_true", help="leave out the packed archive")
    arguments = parser.parse_args()
    _set_up()
    _licences()
    began = time.monotonic()
    subprocess.run(
        [PYTHON, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
         "--distpath", DIST, "--workpath", BUILD / "pyinstaller", ROOT / "build.spec"],
        cwd=ROOT,
        check=True,
    )  # fmt: skip
    folder = DIST / "athanor"
    size = sum(file.stat().st_size for file in folder.rglob("*") if not file.is_symlink())
    print(f"{folder}: {size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s")
    if not arguments.no_archive:
        archive = _packed(folder)
        print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return 0


def _set_up() -> None:
    """The environment, unless it is what pyproject.toml asks for already."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dependencies: list[str] = project["dependencies"]
    options = os.environ.get("CMAKE_ARGS", PORTABLE)
    wanted = hashlib.sha256(json.dumps([dependencies, PYINSTALLER, options]).encode()).hexdigest()
    if RECORD.exists() and RECORD.read_text("utf-8") == wanted:
        return
    print("setting up build/bundle-venv; llama.cpp is compiled, which takes minutes", flush=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    engine = next(line for line in dependencies if line.startswith(ENGINE))
    # pip's cache of wheels does not know by which options one was compiled.
    subprocess.run(
        [*pip, "--no-cache-dir", "--force-reinstall", "--no-deps", engine],
        check=True,
        env={**os.environ, "CMAKE_ARGS": options},
    )
    subprocess.run([*pip, *dependencies, PYINSTALLER], check=True)
    RECORD.write_text(wanted, "utf-8")


def _licences() -> None:
    script = Path(__file__).with_name("licences.py")
    subprocess.run([PYTHON, script, BUILD / "licences"], check=True)


def _packed(folder: Path) -> Path:
    """A .tar.zst on Linux and macOS, where tar can; a .zip on Windows."""
    name = f"athanor-{_version()}-{_WORDS.get(sys.platform, sys.platform)}"
    if sys.platform == "win32":
        archive = DIST / f"{name}.zip"
        command: list[str | Path] = ["tar", "-a", "-c", "-f", archive, folder.name]
    else:
        archive = DIST / f"{name}.tar.zst"
        command = ["tar", "--use-compress-program", "zstd -19 -T0", "-c", "-f", archive]
        command += (
            ["--owner=0", "--group=0", folder.name] if sys.platform == "linux" else [folder.name]
        )
    subprocess.run(command, cwd=DIST, check=True)
    return archive


def _version() -> str:
    for line in (ROOT / "app" / "__init__.py").read_text("utf-8").splitlines():
        if line.startswith("__version__"):
            return line.split('"')[1]
    raise ValueError("app/__init__.py names no version")


if __name__ == "__main__":
    sys.exit(main())
