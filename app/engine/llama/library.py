"""The llama.cpp library in this process: started once, its log in ours, its backends loaded.

The wheel holds libggml twice (as `libggml.so` and as `libggml.so.0`), and `llama_cpp._ggml` opens
the copy that libllama does not use: a backend registered there is invisible to the model. So every
`ggml_*` symbol is taken through the handle of libllama itself, which resolves to the right one.

llama.cpp tells why a load failed only in its log. The last lines are therefore kept.
"""

import ctypes
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import llama_cpp
import llama_cpp.llama_cpp as llama

log = logging.getLogger("llama")

LINES_KEPT: Final = 400
"""A load with a failure at its end writes about 200 lines."""

_LEVELS: Final = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
"""ggml's levels (ggml.h); its "info" is a page for each load, so it is our debug."""

_CONTINUES: Final = 5
"""ggml's level of a text that goes on with the line before."""


_EXPECTED: Final = ("using full-size SWA cache", "possible training context overflow")
"""Warnings that speak of what is done on purpose: one pool of cells for many sequences."""


class LogTail:
    """The last lines of llama.cpp's log, with a mark to ask for what came after a moment."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, int, str]] = deque(maxlen=LINES_KEPT)
        self._count = 0
        self._partial = ""
        self._level = logging.DEBUG

    def add(self, level: int, text: str) -> None:
        """Takes one call of the log callback; whole lines go on to Python's logging."""
        if level != _CONTINUES:
            self._flush()
            self._level = _LEVELS.get(level, logging.DEBUG)
        self._partial += text
        if self._partial.endswith("\n"):
            self._flush()

    def _flush(self) -> None:
        line, self._partial = self._partial.strip(), ""
        if line.strip("."):
            if any(words in line for words in _EXPECTED):
                self._level = logging.DEBUG
            self._count += 1
            self._lines.append((self._count, self._level, line))
            log.log(self._level, "%s", line)

    @property
    def mark(self) -> int:
        """Now, for `since`."""
        return self._count

    def since(self, mark: int, *, level: int = logging.DEBUG) -> list[str]:
        """Lines of at least `level` after `mark`, oldest first."""
        return [line for at, its, line in self._lines if at > mark and its >= level]


tail: Final = LogTail()


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _take_line(level: int, text: bytes, _user_data: object) -> None:
    tail.add(level, text.decode("utf-8", "replace"))


def ggml_function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """The C function `name` of the libggml that libllama uses, as a fresh ctypes function."""
    prototype = ctypes.CFUNCTYPE(result, *arguments)
    for library in _libraries():
        try:
            return prototype((name, library))
        except AttributeError:
            continue
    raise AttributeError(f"this build of ggml has no {name}")


def _libraries() -> list[ctypes.CDLL]:
    """Where ggml's symbols may be found, best first."""
    if sys.platform != "win32":
        return [llama._lib]  # a lookup through a handle searches its dependencies too
    # GetProcAddress does not; these are in memory already, so the name gives the same module.
    return [llama._lib, ctypes.CDLL("ggml.dll"), ctypes.CDLL("ggml-base.dll")]


class _Started:
    done = False


def start() -> None:
    """Starts the library; does nothing the second time. Main thread, before any other call.

    Raises: RuntimeError when no compute backend can be found.
    """
    if _Started.done:
        return
    llama.llama_log_set(_take_line, None)
    # Names one more module to load; it is not ours to obey in a program with its own modules.
    os.environ.pop("GGML_BACKEND_PATH", None)
    _ensure_backends()
    llama.llama_backend_init()
    _Started.done = True


def _ensure_backends() -> None:
    """Loads backend modules where the build has them as files (GGML_BACKEND_DL)."""
    count = ggml_function("ggml_backend_reg_count", ctypes.c_size_t)
    if count():
        return
    from app.engine.llama import modules  # noqa: PLC0415  # which asks this library

    modules.load(module_folders(), build())
    if not count():
        raise RuntimeError(
            "llama.cpp has no compute backend: neither built in nor as a module file"
        )


def module_folders() -> list[Path]:
    """Folders that hold backend modules: beside the library, and where a wheel installs them."""
    package = Path(llama.__file__).parent
    candidates = [package / "lib", package.parent / "bin", package.parent / "lib"]
    override = os.environ.get("LLAMA_CPP_LIB_PATH")
    if override:
        candidates.insert(0, Path(override))
    return [folder for folder in candidates if any(folder.glob("*ggml-cpu*"))]


def build() -> str:
    """Of which build a module must be to fit: ggml itself compares too little."""
    ggml = ggml_function("ggml_version", ctypes.c_char_p)().decode()
    return f"{llama_cpp.__version__}-ggml{ggml}"


def version() -> str:
    """llama.cpp's and ggml's versions with ggml's commit, for the log and for reports."""
    ggml = ggml_function("ggml_version", ctypes.c_char_p)().decode()
    commit = ggml_function("ggml_commit", ctypes.c_char_p)().decode()
    return f"llama.cpp {llama.llama_version().decode()}, ggml {ggml} ({commit})"


def encode_path(path: str) -> bytes:
    """A path as llama.cpp expects it: UTF-8 on Windows, the file system's bytes elsewhere."""
    return path.encode() if sys.platform == "win32" else os.fsencode(path)
