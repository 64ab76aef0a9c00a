"""Build the Debian package of the bundle: `python packaging/linux/build.py` (or `make deb`).

Needs the bundle (`make bundle`), dpkg-deb and binutils. Its maintainer's scripts ask a running
Athanor to end, and start again the users' services that an upgrade ended; nothing else is started,
and nothing of the program runs as root. With --check the package is looked at by lintian and its
parts by their own checkers; one that is not installed is named, and with --strict has failed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import elf
import look_over
import product
import texts
import tree

_PYTHON: Final = product.BUILD / "bundle-venv/bin/python"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=product.BUNDLE)
    parser.add_argument("--output", type=Path, default=product.DIST, help="folder of the package")
    parser.add_argument("--check", action="store_true", help="fail on what lintian finds")
    parser.add_argument("--strict", action="store_true", help="a checker that is missing fails")
    parser.add_argument(
        "--packing", choices=["xz", "zstd", "none"], default="xz", help="none is for tries; xz"
    )
    arguments = parser.parse_args()
    if not (arguments.bundle / product.COMMAND).exists():
        print(f"{arguments.bundle} is no bundle of Linux; `make bundle` builds it")
        return 1
    package = _built(arguments.bundle, arguments.output, arguments.packing)
    print(f"{package}: {package.stat().st_size / 1e6:.1f} MB")
    if not arguments.check:
        return 0
    share = product.BUILD / "linux/root/usr/share"
    return look_over.look_over(package, share, is_strict=arguments.strict)


def _built(bundle: Path, output: Path, packing: str) -> Path:
    needs = elf.needs_of(bundle)
    print(f"needs glibc {needs.glibc}: {', '.join(needs.packages())}")
    release = tree.release_of(
        bundle, depends=needs.packages(), recommends=needs.optional_packages()
    )
    root = product.BUILD / "linux" / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, mode=0o755)
    tree.make_tree(root, bundle, release, python=_PYTHON if _PYTHON.exists() else _this())
    tree.set_times(root, tree.epoch())
    name = f"athanor_{release.version}-{texts.REVISION}_{release.architecture}.deb"
    output.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        # xz is what every dpkg reads, and a tenth smaller here than zstd.
        ["dpkg-deb", "--root-owner-group", f"-Z{packing}", "--build", root, output / name],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(tree.epoch())},
    )
    return output / name


def _this() -> Path:
    return Path(sys.executable)


if __name__ == "__main__":
    sys.exit(main())
