"""Announce a version: `python packaging/release/sign.py --key 2026-a=FILE dist`.

Writes latest.json beside the installers, packages and archives of the version that are in the
folder, with their sizes and hashes, signed; publish all of them together. The statement is read
again by the public keys of assets/release-keys.toml before the command ends. It expires: sign it
anew now and then (`--days`), or machines say that they cannot believe it any more.
"""

import argparse
import hashlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from keys import KEYS_FILE, Refused, read_private  # noqa: E402  # beside this file

from app import __version__  # noqa: E402
from app.core.release.envelope import SENTENCES, Refusal, Sign, open_signed  # noqa: E402
from app.core.release.keys import publisher_of  # noqa: E402
from app.core.release.manifest import RELEASE, Build, Release  # noqa: E402
from app.server.identity import primitives  # noqa: E402
from app.server.identity.keys import verify  # noqa: E402

DAYS: Final = 60
_DAY_SECONDS: Final = 86_400

_FILES: Final = (
    (r"athanor-{v}-linux\.tar\.(?:zst|xz)", "archive", "linux-x86_64"),
    (r"athanor-{v}-linux-(?P<cpu>\w+)\.tar\.(?:zst|xz)", "archive", "linux-{cpu}"),
    (r"athanor_{v}(?:-\d+)?_(?P<cpu>\w+)\.deb", "deb", "linux-{cpu}"),
    (r"athanor-{v}-windows-setup\.exe", "setup", "windows-x86_64"),
    (r"athanor-{v}-macos-(?P<cpu>\w+)\.dmg", "dmg", "macos-{cpu}"),
)
"""Names of files, what they are, and for which system."""

_PROCESSORS: Final = {"amd64": "x86_64", "aarch64": "arm64"}


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the version's files are")
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="ID=FILE",
        help="sign with this key; ID=env:NAME takes it from a variable. May be given twice",
    )
    parser.add_argument("--version", default=__version__)
    parser.add_argument("--oldest", default="0.0.0", help="the oldest version that can follow")
    parser.add_argument("--notes", type=Path, help="a text file: what is new")
    parser.add_argument("--days", type=int, default=DAYS, help="how long it is believed")
    parser.add_argument("--keys-file", type=Path, default=KEYS_FILE)
    given = parser.parse_args(words)
    try:
        release = _release(given)
        sealed = RELEASE.seal(release, [_signer(each) for each in given.key])
        _check(sealed, given.keys_file)
        (given.folder / "latest.json").write_bytes(sealed)
    except (Refused, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for build in release.builds:
        print(f"{build.system:16} {build.kind:8} {build.size_bytes / 1e6:7.1f} MB  {build.name}")
    print(f"{given.folder / 'latest.json'}: Athanor {release.version}, for {given.days} days")
    return 0


def _release(given: argparse.Namespace) -> Release:
    builds = tuple(_builds(given.folder, given.version))
    if not builds:
        raise Refused(f"{given.folder} holds no file of Athanor {given.version}")
    now = int(time.time())
    return Release(
        # Seconds only rise, on whichever machine the next one is signed.
        number=now,
        issued_at=now,
        expires_at=now + given.days * _DAY_SECONDS,
        version=given.version,
        builds=builds,
        notes=given.notes.read_text("utf-8").strip() if given.notes else "",
        oldest=given.oldest,
    )


def _builds(folder: Path, version: str) -> Iterator[Build]:
    for file in sorted(folder.iterdir()):
        for pattern, kind, system in _FILES:
            found = re.fullmatch(pattern.format(v=re.escape(version)), file.name)
            if found is not None:
                cpu = found.groupdict().get("cpu", "")
                yield Build(
                    system=system.format(cpu=_PROCESSORS.get(cpu, cpu)),
                    kind=kind,
                    name=file.name,
                    size_bytes=file.stat().st_size,
                    sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                )
                break


def _signer(text: str) -> tuple[str, Sign]:
    name, _, place = text.partition("=")
    if not place:
        raise Refused(f"{text} is not of the form ID=FILE")
    return name, primitives.signing_key(read_private(place)).sign


def _check(sealed: bytes, keys_file: Path) -> None:
    """Raises Refused where a copy of the program would not believe it."""
    keys = publisher_of(keys_file.read_text("utf-8")).key
    found = open_signed(sealed, RELEASE, keys=keys, verify=verify, now=int(time.time()))
    if isinstance(found, Refusal):
        raise Refused(f"no copy of the program would believe it: {SENTENCES[found]}")


if __name__ == "__main__":
    sys.exit(main())
