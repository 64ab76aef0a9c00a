"""Check everything that is packed: `python packaging/bundle/check.py` (or `make bundle-test`).

Needs dist/athanor (`make bundle`). Each step's output goes to the terminal and is kept in
build/bundle-test; outcomes, sizes and start times go to benchmarks/results/bundle.json, with the
commit that the bundle was built of. A check that lacks a tool says which, and is listed as skipped.
Steps can be named, to run those alone, and no result is written then; `cuda` is among all of them
only where the pack's module was compiled, which takes hours. With --strict, as for a release, what
was skipped has failed, and of all steps together a bundle that is of no commit has too. A packed
bundle that is too large has failed in any case.
"""

import argparse
import datetime
import json
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import logged
import origin
import product
from origin import Origin

KEPT: Final = logged.KEPT
RESULT: Final = product.ROOT / "benchmarks" / "results" / "bundle.json"
_FIGURES: Final = KEPT / "smoke.json"
_VENV: Final = Path(os.environ.get("VENV", product.ROOT / ".venv"))
_PYTHON: Final = str(
    (_VENV if _VENV.is_absolute() else product.ROOT / _VENV)
    / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
)
_PYTEST: Final = (_PYTHON, "-m", "pytest", "-vv", "-rs")
_CUDA_TESTS: Final = "tests/packaging/runtime/test_frozen_cuda.py"
CUDA_MODULE: Final = product.BUILD / "runtime" / "cuda13" / "libggml-cuda.so"
_RESTARTS: Final = ("tests/installation", "tests/tray")
"""Not all of tests/: a file there that is skipped as a whole counts, though none of it is meant."""
_UPDATES: Final = ("tests/core/release", "tests/installation", "tests/server/node/updates")

STEPS: Final[dict[str, Sequence[str]]] = {
    "smoke": (sys.executable, "packaging/bundle/smoke.py", "--figures", str(_FIGURES)),
    "deb": (sys.executable, "packaging/linux/build.py", "--check"),
    "windows": (
        *(sys.executable, "packaging/windows/build.py", "--stand-in"),
        *("--output", str(KEPT)),
    ),
    "installers": (*_PYTEST, "-m", "bundle", "tests/packaging", f"--ignore={_CUDA_TESTS}"),
    "engine": (*_PYTEST, "-m", "bundle", *_RESTARTS),
    "updates": (*_PYTEST, *_UPDATES),
    "cuda": (*_PYTEST, "-m", "bundle", _CUDA_TESTS),
}
"""What is run, in this order: packages are made before they are tested."""

_PACKED: Final = (
    *("athanor-*.tar.zst", "athanor-*.zip", "athanor_*.deb", "athanor-*.dmg"),
    "athanor-*-setup.exe",
)
_COUNT: Final = re.compile(r"(\d+) (passed|failed|errors?|skipped|deselected|xfailed|xpassed)\b")
_NOTHING_COLLECTED: Final = 5
"""How pytest ends without a test: they are gone, or each of their files was skipped as a whole."""
PACKED_BYTES_MAX: Final = 60_000_000
"""What an owner downloads, without packs for GPUs (docs/adr/0031-installers.md)."""
_STEP_SECONDS_MAX: Final = 3600.0
"""Ten times the slowest step of a busy machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one step."""

    passed: bool
    code: int
    """That it ended with."""
    seconds: float
    last: str
    """Its last line."""
    skipped: tuple[str, ...]
    """Reasons, where something of it could not be run here."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Of its tests, by pytest's words for how they ended; empty for what is no pytest."""


def main() -> int:
    """0 when every step passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", choices=[[], *STEPS], help="all of them without a name")
    parser.add_argument("--strict", action="store_true", help="what is skipped has failed")
    arguments = parser.parse_args()
    chosen = arguments.steps or possible(CUDA_MODULE)
    if not product.BUNDLE.is_dir():
        print(f"{product.BUNDLE} is not there: make bundle")
        return 1
    KEPT.mkdir(parents=True, exist_ok=True)  # the first step writes its figures there
    if "smoke" in chosen:
        _FIGURES.unlink(missing_ok=True)  # where it fails, those of before are not this bundle's
    load = _load_average()  # before the steps, whose own it is afterwards
    outcomes = {name: outcome_of(name, STEPS[name], is_strict=arguments.strict) for name in chosen}
    made_of = origin.read()
    result = _result(outcomes, made_of, load)
    if not arguments.steps:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        print(f"\nwritten to {RESULT}")
    _print(result, outcomes)
    large = too_large(_packed())
    for name in large:
        print(f"FAILED  {name} is larger than {PACKED_BYTES_MAX / 1e6:.0f} MB")
    trouble = made_of.trouble if arguments.strict and not arguments.steps else ""
    if trouble:
        print(f"FAILED  {trouble}")
    good = all(outcome.passed for outcome in outcomes.values())
    return 0 if good and not large and not trouble else 1


def possible(cuda_module: Path) -> list[str]:
    """The steps that are run where none is named: all that can be, by what was compiled."""
    return [name for name in STEPS if name != "cuda" or cuda_module.is_file()]


def too_large(packed: Mapping[str, int]) -> list[str]:
    """The names of the files, by their bytes, that nobody should have to download."""
    return [name for name, size in packed.items() if size > PACKED_BYTES_MAX]


def has_passed(
    command: Sequence[str], code: int, skipped: Sequence[str], *, is_strict: bool
) -> bool:
    """Whether a step that ended so is good. Strictly, one that did not run all of it is not."""
    if is_strict:
        return code == 0 and not skipped
    # Without a reason to skip, a step that has no tests any more checks nothing.
    return code == 0 or ("pytest" in command and code == _NOTHING_COLLECTED and bool(skipped))


def outcome_of(
    name: str, command: Sequence[str], *, is_strict: bool, folder: Path = KEPT
) -> Outcome:
    """The step, its lines shown as they come, and kept."""
    print(f"\n== {name}: {' '.join(command)}", flush=True)
    began = time.monotonic()
    code, lines = logged.run(name, command, limit_seconds=_STEP_SECONDS_MAX, folder=folder)
    skipped = tuple(line for line in lines if line.startswith("SKIPPED"))
    last = next((line for line in reversed(lines) if line), "")
    return Outcome(
        passed=has_passed(command, code, skipped, is_strict=is_strict),
        code=code,
        seconds=round(time.monotonic() - began, 1),
        # The result is kept; where the clone lies means nothing to others.
        last=last.replace(f"{product.ROOT}{os.sep}", ""),
        skipped=skipped,
        counts=counted(last) if "pytest" in command else {},
    )


def counted(last: str) -> dict[str, int]:
    """How many tests ended how, by pytest's last line."""
    return {word: int(count) for count, word in _COUNT.findall(last)}


def _packed() -> dict[str, int]:
    """What is published of the bundle, and its bytes."""
    return {
        path.name: path.stat().st_size
        for pattern in _PACKED
        for path in sorted(product.DIST.glob(pattern))
    }


def _load_average() -> list[float]:
    """Of the last minute, five and fifteen: what else the machine had to do. [] on Windows."""
    return [round(each, 1) for each in os.getloadavg()] if hasattr(os, "getloadavg") else []


def _result(
    outcomes: dict[str, Outcome], made_of: Origin, load_average: list[float]
) -> dict[str, object]:
    figures = json.loads(_FIGURES.read_text("utf-8")) if _FIGURES.exists() else {}
    return {
        "date": f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}",
        **asdict(made_of),
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "load_average": load_average,
        },
        "version": product.version(),
        "folder_bytes": product.folder_bytes(product.BUNDLE),
        "packed_bytes": _packed(),
        **figures,
        "steps": {name: asdict(outcome) for name, outcome in outcomes.items()},
    }


def _print(result: dict[str, object], outcomes: dict[str, Outcome]) -> None:
    print(f"\nfolder {int(str(result['folder_bytes'])) / 1e6:.0f} MB")
    packed = result["packed_bytes"]
    assert isinstance(packed, dict)
    for name, size in packed.items():
        print(f"  {size / 1e6:6.1f} MB  {name}")
    for name, outcome in outcomes.items():
        word = "passed" if outcome.passed else "FAILED"
        print(f"{word}  {name} ({outcome.seconds:.0f} s): {outcome.last}")
        for reason in outcome.skipped:
            print(f"        {reason}")


if __name__ == "__main__":
    sys.exit(main())
