"""Fetch: files of others from the npm registry, pinned by version and hash (vendor.toml).

    python packaging/vendor/fetch.py              all of them
    python packaging/vendor/fetch.py axe-core     one package

Asks the registry through npm, so that its settings and proxies hold. Nothing of a package is run:
its archive is read, and the named files are written where their hash is right.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = Path(__file__).with_name("vendor.toml")
FETCH_SECONDS_MAX = 120


class WrongHash(Exception):
    """What came is not what was pinned."""


@dataclass(frozen=True)
class Kept:
    """One file of a package."""

    member: str
    """In the archive."""
    path: Path
    sha256: str

    @property
    def is_there(self) -> bool:
        """Whether the very file lies in its place."""
        return self.path.is_file() and digest(self.path.read_bytes()) == self.sha256


@dataclass(frozen=True)
class Package:
    """A package of the manifest."""

    name: str
    version: str
    licence: str
    integrity: str
    files: tuple[Kept, ...]


def packages() -> dict[str, Package]:
    """The manifest, by name."""
    found = {}
    for entry in tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["package"]:
        folder = ROOT / entry["into"]
        files = tuple(
            Kept(member, folder / name, sha256) for member, (name, sha256) in entry["files"].items()
        )
        found[entry["name"]] = Package(
            entry["name"], entry["version"], entry["licence"], entry["integrity"], files
        )
    return found


def fetch(package: Package) -> None:
    """Bring the package's files. Raises: WrongHash; OSError, CalledProcessError without network."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [npm, "pack", "--silent", f"{package.name}@{package.version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=FETCH_SECONDS_MAX,
        )
        (archive,) = Path(folder).glob("*.tgz")
        take(package, archive)


def take(package: Package, archive: Path) -> None:
    """Write the package's files out of its archive. Raises: WrongHash."""
    algorithm, _, wanted = package.integrity.partition("-")
    came = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if came != wanted:
        raise WrongHash(f"{package.name} {package.version}: the archive is another one")
    with tarfile.open(archive) as tar:
        for kept in package.files:
            member = tar.extractfile(kept.member)
            body = member.read() if member else b""
            if digest(body) != kept.sha256:
                raise WrongHash(f"{package.name} {package.version}: {kept.member} is another one")
            kept.path.parent.mkdir(parents=True, exist_ok=True)
            kept.path.write_bytes(body)


def digest(body: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def main(names: list[str]) -> int:
    """Fetch what is named, else everything that is not there."""
    known = packages()
    for name in names or known:
        package = known[name]
        if all(kept.is_there for kept in package.files):
            print(f"{name} {package.version} is there")
            continue
        fetch(package)
        print(f"{name} {package.version} fetched")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
