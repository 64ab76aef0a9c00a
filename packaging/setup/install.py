"""Set up the virtual environment: create it, compile llama.cpp once, install what the project asks.

Run by the Makefile with the system's Python, before anything is installed: standard library only.
What was done is recorded in `.venv/athanor-setup.json`; while the record covers what is wanted,
nothing runs. `CMAKE_ARGS` chooses how llama.cpp is compiled (CUDA, Vulkan, ...): when it is set and
differs from the record, llama.cpp is compiled again; when it is not set, the build that is there is
kept, so a plain `make run` after `CMAKE_ARGS=... make run` does not undo the choice.

pip keeps wheels that it compiled, but does not know which CMAKE_ARGS they were compiled with. So
only the plain build is let into that cache or taken from it.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from progress import Progress, remedy_for, telling

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(os.environ.get("VENV", ROOT / ".venv"))
RECORD = VENV / "athanor-setup.json"
LOGS = ROOT / ".cache"
ENGINE = "llama-cpp-python"
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Setup:
    """What an environment was set up for. Equal records mean equal environments."""

    python: str
    """Major and minor version: packages serve all of its patch releases."""
    project: str
    """Hash of the parts of pyproject.toml that decide what is installed."""
    engine: str
    """The pinned requirement, "llama-cpp-python==..."."""
    cmake_args: str
    extras: tuple[str, ...]

    def covers(self, wanted: "Setup") -> bool:
        """Whether an environment of this record serves `wanted` as it is."""
        has_extras = set(wanted.extras) <= set(self.extras)
        return has_extras and replace(wanted, extras=self.extras) == self

    def has_engine_of(self, wanted: "Setup") -> bool:
        """Whether llama.cpp was compiled as `wanted` asks."""
        mine = (self.python, self.engine, self.cmake_args)
        return mine == (wanted.python, wanted.engine, wanted.cmake_args)


def read_record() -> Setup | None:
    """The record of the environment; None when there is none that can be read."""
    try:
        fields = json.loads(RECORD.read_text())
        return Setup(**{**fields, "extras": tuple(fields["extras"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def wanted_setup(extras: Sequence[str], record: Setup | None) -> Setup:
    """What pyproject.toml, the environment variables and the caller ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    deciding = json.dumps([project["build-system"], project["project"]], sort_keys=True)
    dependencies: list[str] = project["project"]["dependencies"]
    engine = next(line for line in dependencies if line.startswith(ENGINE))
    kept = record.cmake_args if record else ""
    return Setup(
        python=PYTHON_VERSION,
        project=hashlib.sha256(deciding.encode()).hexdigest(),
        engine=engine,
        cmake_args=os.environ.get("CMAKE_ARGS", kept).strip(),
        extras=tuple(sorted({*extras, *(record.extras if record else ())})),
    )


def venv_python() -> Path:
    """The environment's interpreter, whether or not it is there."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ask(code: str) -> str | None:
    """What `code` prints in the environment; None when it fails or there is no environment."""
    try:
        return subprocess.run(
            [venv_python(), "-c", code], check=True, text=True, capture_output=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def ensure_venv() -> None:
    """Create the environment; one whose interpreter is gone or of another version is made anew."""
    if ask("import sys; print('%d.%d' % sys.version_info[:2])") == PYTHON_VERSION:
        return
    print(f"creating {VENV.name} with Python {PYTHON_VERSION}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def ensure_tools() -> None:
    """Refuse early, with the line to type, where llama.cpp could not be compiled."""
    has_compiler = any(shutil.which(name) for name in (os.environ.get("CXX") or "c++", "clang++"))
    missing = [] if has_compiler else ["a C++ compiler"]
    if not shutil.which("cmake"):
        missing.append("CMake")
    if missing:
        sys.exit(
            f"athanor: compiling llama.cpp needs {' and '.join(missing)}.\n"
            "  Debian, Ubuntu:  sudo apt install build-essential cmake python3-venv\n"
            "  Fedora:          sudo dnf install gcc-c++ cmake\n"
            "  macOS:           xcode-select --install && brew install cmake"
        )


def run_pip(title: str, arguments: Sequence[str], *, cmake_args: str = "") -> None:
    """Run pip, its output in a log and its progress on one line; exit with what went wrong."""
    LOGS.mkdir(exist_ok=True)
    log_path = LOGS / f"{title.replace(' ', '-')}.log"
    environment = {**os.environ, "CMAKE_ARGS": cmake_args, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    progress = Progress(title, sys.stdout)
    command = [str(venv_python()), "-m", "pip", "install", *arguments]
    with (
        log_path.open("w", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=ROOT,
        ) as pip,
    ):
        assert pip.stdout is not None, "stdout was asked for as a pipe"
        for line in pip.stdout:
            log.write(line)
            progress.feed(line)
    progress.finish(is_done=pip.returncode == 0)
    if pip.returncode != 0:
        lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(telling(lines)))
        sys.exit(f"\nathanor: {title} failed. {remedy_for(lines)}\nThe whole log: {log_path}")


def has_engine(record: Setup | None, wanted: Setup) -> bool:
    """Whether llama.cpp is there as wanted; one that nobody recorded counts as the plain build."""
    there = ask(f"import importlib.metadata as m; print(m.version('{ENGINE}'))")
    is_same = record.has_engine_of(wanted) if record else not wanted.cmake_args
    return is_same and there == wanted.engine.partition("==")[2]


def compile_engine(wanted: Setup) -> None:
    """Compile and install llama.cpp in place of what may be there."""
    if wanted.cmake_args:
        print(f"llama.cpp with CMAKE_ARGS={wanted.cmake_args}: minutes, once")
        how = ["--no-cache-dir", "--no-binary", ENGINE]
    else:
        print("llama.cpp for this CPU: 4 to 8 minutes on 2 cores, or seconds where pip kept it")
        how = []
    run_pip(
        "compiling llama.cpp",
        ["--verbose", "--no-deps", "--force-reinstall", *how, wanted.engine],
        cmake_args=wanted.cmake_args,
    )


def main() -> None:
    """Bring the environment to what is wanted and record it."""
    sys.stdout.reconfigure(line_buffering=True)  # its lines and pip's come in order, in a log too
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="*", help="extras of pyproject.toml to install")
    record = read_record()
    wanted = wanted_setup(parser.parse_args().extras, record)
    if record and record.covers(wanted) and venv_python().exists():
        return
    started = time.monotonic()
    must_compile = not has_engine(record, wanted)
    if must_compile:
        ensure_tools()
    ensure_venv()
    if must_compile:
        compile_engine(wanted)
    run_pip("installing packages", ["--editable", f".[{','.join(wanted.extras)}]"])
    if ask("import llama_cpp.llama_cpp") is None:
        sys.exit(
            "athanor: llama.cpp was installed but cannot be loaded.\n"
            f"See why:  {venv_python()} -c 'import llama_cpp.llama_cpp'"
        )
    RECORD.write_text(json.dumps(asdict(wanted), indent=2) + "\n")
    print(f"set up in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
