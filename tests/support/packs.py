"""A small runtime pack: two files in a .zip, as packaging/runtime/pack.py makes them."""

import io
import zipfile

from app.core.runtime.packs import Archive, Licence, Pack, PackFile
from tests.support.hub import sha256

PLACE = "packs/place"
"""Where the server of tests/support/hub.py has packs."""

MODULE = b"the module of a GPU" * 5000
LIBRARY = b"a library that it needs" * 5000


def zip_of(files: dict[str, bytes]) -> bytes:
    """An archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def pack_of(
    version: str, *, system: str, build: str, name: str = "cuda13", backend: str = "cuda"
) -> tuple[Pack, dict[str, bytes]]:
    """The pack, and the archive that lies beside its list."""
    files = {"libggml-cuda.so": MODULE + version.encode(), "libneeded.so.1": LIBRARY}
    content = zip_of(files)
    archive = Archive(
        name=f"{name}-{version}.zip",
        size_bytes=len(content),
        sha256=sha256(content),
        files=tuple(
            PackFile(name=file, member=file, size_bytes=len(body), sha256=sha256(body))
            for file, body in files.items()
        ),
    )
    pack = Pack(
        name=name,
        version=version,
        title="NVIDIA CUDA 13",
        backend=backend,
        system=system,
        build=build,
        archives=(archive,),
        preload=("libneeded.so.1",),
        licences=(Licence(of="cuBLAS", name="its terms", address="https://example.org/terms"),),
    )
    return pack, {archive.name: content}
