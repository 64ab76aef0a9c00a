"""Progress: what a long installation is doing, on one line, and what to do when it fails.

Reads the output of pip as it comes. Ninja says `[57/193]`, make says `[ 29%]`. On a terminal the
line is overwritten; elsewhere (a CI log) a new one is printed only now and then.
"""

import re
import time
from collections.abc import Iterable
from typing import TextIO

_COUNTED = re.compile(r"\[\s*(?P<done>\d+)/(?P<total>\d+)\]\s")
_PERCENT = re.compile(r"\[\s*(?P<done>\d+)%\]\s")
_STAGES = (
    (re.compile(r"\s*(Downloading|Collecting) (?P<what>[^\s(;<>=]+)"), "getting {what}"),
    (re.compile(r"\s*Using cached (?P<what>\S+)"), "taking {what} from pip's cache"),
    (re.compile(r"\s*\*\*\* Configuring CMake"), "configuring"),
    (re.compile(r"\s*Installing collected packages"), "writing files"),
)
_QUIET_SECONDS = 15.0
"""Between two lines of a log that is not a terminal: enough to show life, few enough to read."""

_WIDTH = 78
_TELLING_LINES = 12
_TELLING_WIDTH = 200
_FAULT = re.compile(r"\b(error|fatal error|CMake Error|ERROR)\b.*:|^\s*E: |Killed signal")

_REMEDIES = (
    (
        r"CUDA Toolkit not found|Could NOT find CUDA|No CMAKE_CUDA_COMPILER|nvcc: not found",
        "The CUDA toolkit (nvcc) is missing or not on PATH: see docs/install.md.",
    ),
    (
        r"Could NOT find Vulkan|SPIRV-Headers.*not found|\"SPIRV-Headers\" with any of",
        "Vulkan's headers or compiler are missing: sudo apt install libvulkan-dev glslc"
        " spirv-headers.",
    ),
    (
        r"LayerSettingEXT. is not a member of .vk",
        "Vulkan's headers are older than llama.cpp needs, 1.3.268: see docs/install.md.",
    ),
    (
        r"CMAKE_CXX_COMPILER|CMAKE_C_COMPILER|unable to find .*compiler",
        "A C++ compiler is missing: sudo apt install build-essential.",
    ),
    (
        r"Killed signal terminated program|internal compiler error: Killed|std::bad_alloc",
        "Memory ran out while compiling: try again with CMAKE_BUILD_PARALLEL_LEVEL=1 make setup.",
    ),
    (
        r"No space left on device",
        "The disk is full: a build needs about 2 GB free, a CUDA build about 6 GB.",
    ),
    (
        r"NewConnectionError|Temporary failure in name resolution|Max retries exceeded|timed out"
        r"|Could not find a version",
        "The package index could not be reached, or lacks this version: check the network and"
        " run it again; what is done is kept.",
    ),
)


class Progress:
    """Shows one line of progress from the lines of pip."""

    def __init__(self, title: str, out: TextIO) -> None:
        self._title = title
        self._out = out
        self._is_live = out.isatty()
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._text = ""

    def feed(self, line: str) -> None:
        """Take a line of pip's output; show it where it says something new."""
        text = self._read(line)
        if not text or text == self._text:
            return
        self._text = text
        now = time.monotonic()
        if self._is_live:
            self._out.write(f"\r\x1b[K{text}"[: _WIDTH + 4])
        elif now - self._shown_at >= _QUIET_SECONDS:
            self._out.write(f"{text}  ({now - self._started:.0f} s)\n")
        else:
            return
        self._shown_at = now
        self._out.flush()

    def finish(self, *, is_done: bool) -> None:
        """Close the line with the outcome and the time it took."""
        seconds = time.monotonic() - self._started
        outcome = "done" if is_done else "FAILED"
        start = "\r\x1b[K" if self._is_live else ""
        self._out.write(f"{start}{self._title}: {outcome} in {seconds:.0f} s\n")
        self._out.flush()

    def _read(self, line: str) -> str:
        if found := _COUNTED.search(line):
            done, total = found["done"], found["total"]
            return f"[{done:>{len(total)}}/{total}] {self._title}"
        if found := _PERCENT.search(line):
            return f"[{found['done']:>3}%] {self._title}"
        for pattern, stage in _STAGES:
            if found := pattern.match(line):
                return f"{self._title}: {stage.format(**found.groupdict())}"
        return ""


def telling(lines: Iterable[str]) -> list[str]:
    """The few lines of a failed installation that say what went wrong, shortened."""
    lines = list(lines)
    faults = [line.strip() for line in lines if _FAULT.search(line)]
    return [line[:_TELLING_WIDTH] for line in faults[:_TELLING_LINES] or lines[-_TELLING_LINES:]]


def remedy_for(lines: Iterable[str]) -> str:
    """What the user can do about a failed installation; "" when its log says nothing known."""
    text = "\n".join(lines)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text):
            return remedy
    return ""
