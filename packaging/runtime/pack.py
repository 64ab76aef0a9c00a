"""Make runtime packs and their signed list: `python packaging/runtime/pack.py make|sign ...`.

    pack.py make cuda13 1.0 --backend cuda --title "NVIDIA CUDA 13" \\
        --module build/runtime/cuda13/libggml-cuda.so --nvidia dist/packs
    pack.py sign --key 2026-a=FILE dist/packs

`make` writes the pack's .zip and its entry, NAME-VERSION-SYSTEM.json. With `--nvidia` the CUDA
libraries are taken, on the owner's machine, from NVIDIA's own wheels, whose addresses, sizes and
hashes are asked of pip now. `sign` writes runtime-packs.json of all entries in the folder, which is
published with the .zip files beside it. It expires: sign it anew now and then.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging" / "release"), str(Path(__file__).parent)]

import cuda_architectures  # noqa: E402  # beside this file
import msgspec  # noqa: E402  # after the path
from keys import KEYS_FILE, Refused, read_private  # noqa: E402  # of packaging/release

from app.core.release.envelope import SENTENCES, Refusal, Sign, open_signed  # noqa: E402
from app.core.release.keys import publisher_of  # noqa: E402
from app.core.release.manifest import system_of  # noqa: E402
from app.core.runtime.packs import (  # noqa: E402
    PACKS,
    Archive,
    Licence,
    Needs,
    Pack,
    PackFile,
    PacksManifest,
)
from app.server.identity import primitives  # noqa: E402
from app.server.identity.keys import verify  # noqa: E402

DAYS: Final = 90
_DAY_SECONDS: Final = 86_400

NVIDIA_WHEELS: Final = ("nvidia-cuda-runtime>=13,<14", "nvidia-cublas>=13,<14")
NVIDIA_LIBRARIES: Final = ("cudart", "cublasLt", "cublas")
"""In the order in which they are opened; what the licence lists as distributable."""
NVIDIA_LICENCE: Final = "https://docs.nvidia.com/cuda/eula/index.html"
CUDA_NEEDS: Final = Needs(
    nvidia_driver_min="580.65",
    compute_capabilities=cuda_architectures.real(),
    compiled_by_driver=cuda_architectures.virtual(),
)


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    given = _arguments(words)
    try:
        if given.order == "make":
            pack = make(given)
            print(f"{pack.id}: {pack.download_bytes / 1e6:.1f} MB to download, "
                  f"{pack.installed_bytes / 1e6:.1f} MB installed")  # fmt: skip
        else:
            print(sign(given.folder, given.key, given.keys_file, days=given.days))
    except (Refused, OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    orders = parser.add_subparsers(dest="order", required=True)
    new = orders.add_parser("make", help="make a pack")
    new.add_argument("name")
    new.add_argument("version")
    new.add_argument("--backend", required=True)
    new.add_argument("--title", required=True)
    new.add_argument("--build", help="of llama.cpp; asked of the engine where it is not said")
    new.add_argument("--module", type=Path, action="append", required=True)
    new.add_argument("--nvidia", action="store_true", help="with NVIDIA's CUDA libraries")
    new.add_argument("folder", type=Path)
    seal = orders.add_parser("sign", help="write the signed list of all packs in a folder")
    seal.add_argument("--key", action="append", required=True, metavar="ID=FILE")
    seal.add_argument("--days", type=int, default=DAYS)
    seal.add_argument("--keys-file", type=Path, default=KEYS_FILE)
    seal.add_argument("folder", type=Path)
    return parser.parse_args(words)


def make(given: argparse.Namespace) -> Pack:
    """The pack, and its files in the folder. Raises: Refused, OSError, CalledProcessError."""
    given.folder.mkdir(parents=True, exist_ok=True)
    system = system_of(sys.platform, platform.machine())
    stem = f"{given.name}-{given.version}-{system}"
    archives = [archive_of(given.folder / f"{stem}.zip", given.module)]
    foreign = nvidia_archives() if given.nvidia else []
    pack = Pack(
        name=given.name,
        version=given.version,
        title=given.title,
        backend=given.backend,
        system=system,
        build=given.build or _build_of_engine(),
        archives=(*archives, *foreign),
        preload=tuple(file.name for archive in foreign for file in archive.files),
        # The module calls NVIDIA's driver, with whichever libraries beside it.
        needs=CUDA_NEEDS if given.backend == "cuda" else Needs(),
        licences=(
            (Licence(of="CUDA runtime and cuBLAS", name="NVIDIA's terms", address=NVIDIA_LICENCE),)
            if given.nvidia
            else ()
        ),
    )
    entry = msgspec.json.format(msgspec.json.encode(pack), indent=1)
    (given.folder / f"{stem}.json").write_bytes(entry)
    return pack


def archive_of(target: Path, files: Sequence[Path]) -> Archive:
    """A .zip of these files, always the same bytes for the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in files:
            packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)
    content = target.read_bytes()
    return Archive(
        name=target.name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        files=tuple(_file(file.name, file.name, file.read_bytes()) for file in files),
    )


def nvidia_archives() -> list[Archive]:
    """NVIDIA's wheels for this system, and which of their files are taken.

    Raises: Refused, OSError, CalledProcessError.
    """
    with tempfile.TemporaryDirectory(prefix="athanor-wheels-") as folder:
        pip = [sys.executable, "-m", "pip"]
        told = subprocess.run(
            [*pip, "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet",
             "--report", "-", *NVIDIA_WHEELS],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        subprocess.run(
            [*pip, "download", "--quiet", "--no-deps", "--dest", folder, *NVIDIA_WHEELS],
            check=True,
        )
        addresses = [each["download_info"]["url"] for each in json.loads(told)["install"]]
        archives = [_wheel(Path(folder), address) for address in addresses]
    order = {name: place for place, name in enumerate(NVIDIA_LIBRARIES)}
    return sorted(archives, key=lambda each: order[_library(each.files[0].name)])


def _wheel(folder: Path, address: str) -> Archive:
    path = folder / address.rpartition("/")[2].partition("#")[0]
    with zipfile.ZipFile(path) as wheel:
        members = [name for name in wheel.namelist() if _library(name)]
        members.sort(key=lambda name: NVIDIA_LIBRARIES.index(_library(name)))
        if not members:
            raise Refused(f"{path.name} holds none of {', '.join(NVIDIA_LIBRARIES)}")
        files = tuple(_file(name.rpartition("/")[2], name, wheel.read(name)) for name in members)
    content = path.read_bytes()
    return Archive(
        name=path.name,
        address=address.partition("#")[0],
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        files=files,
    )


def _library(name: str) -> str:
    """Which of `NVIDIA_LIBRARIES` a file is; "" for none."""
    plain = name.rpartition("/")[2].removeprefix("lib")
    if not (plain.endswith(".dll") or ".so." in plain):
        return ""
    stem = plain.partition(".")[0].partition("64_")[0]
    return stem if stem in NVIDIA_LIBRARIES else ""


def _file(name: str, member: str, content: bytes) -> PackFile:
    digest = hashlib.sha256(content).hexdigest()
    return PackFile(name=name, member=member, size_bytes=len(content), sha256=digest)


def _build_of_engine() -> str:
    told = subprocess.run(
        [sys.executable, "-m", "app", "engine", "--backends"],
        capture_output=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    return str(json.loads(told)["build"])


def sign(folder: Path, keys: Sequence[str], keys_file: Path, *, days: int = DAYS) -> Path:
    """The signed list of every entry in the folder. Raises: Refused, OSError, ValueError."""
    entries = [
        msgspec.json.decode(path.read_bytes(), type=Pack)
        for path in sorted(folder.glob("*.json"))
        if path.name != "runtime-packs.json"
    ]
    if not entries:
        raise Refused(f"{folder} holds no pack")
    now = int(time.time())
    manifest = PacksManifest(
        number=now, issued_at=now, expires_at=now + days * _DAY_SECONDS, packs=tuple(entries)
    )
    sealed = PACKS.seal(manifest, [_signer(each) for each in keys])
    known = publisher_of(keys_file.read_text("utf-8")).key
    found = open_signed(sealed, PACKS, keys=known, verify=verify, now=now)
    if isinstance(found, Refusal):
        raise Refused(f"no copy of the program would believe it: {SENTENCES[found]}")
    target = folder / "runtime-packs.json"
    target.write_bytes(sealed)
    return target


def _signer(text: str) -> tuple[str, Sign]:
    name, _, place = text.partition("=")
    if not place:
        raise Refused(f"{text} is not of the form ID=FILE")
    return name, primitives.signing_key(read_private(place)).sign


if __name__ == "__main__":
    sys.exit(main())
