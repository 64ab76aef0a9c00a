"""Static files: scripts, styles and pictures of the pages, all our own or in vendor/.

They are named by a hash over all of them, so browsers may keep them for ever and a page never mixes
two versions. Only names that were found at the start are answered: no path is put together.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, final

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.settings.assets import assets_folder

DASHBOARD: Final = "dashboard"
"""The folder in assets/ with templates and static files."""

_KINDS: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}

_FOR_EVER: Final = "public, max-age=31536000, immutable"


@final
class StaticFile(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    body: bytes
    kind: str


@final
class StaticFiles(msgspec.Struct, frozen=True):
    """All of them, by name with slashes; `version` changes with any of them."""

    files: dict[str, StaticFile]
    version: str


@cache
def static_files() -> StaticFiles:
    """Read once."""
    return read_files(assets_folder() / DASHBOARD / "static")


def read_files(folder: Path) -> StaticFiles:
    """The files below `folder` of the kinds that pages use."""
    files = {
        path.relative_to(folder).as_posix(): StaticFile(path.read_bytes(), _KINDS[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in _KINDS
    }
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{len(file.body)}\0".encode() + file.body)
    return StaticFiles(files, digest.hexdigest()[:12])


def address(name: str) -> str:
    """Where a page finds the file. A name that is not there is a bug of a template."""
    found = static_files()
    assert name in found.files, name
    return f"/dashboard/static/{found.version}/{name}"


@get("/dashboard/static/{version:str}/{name:path}", include_in_schema=False)
async def static_file(request: ApiRequest) -> ASGIApp:
    """A file, to anybody: they hold nothing of this node."""
    found = static_files()
    name = str(request.path_params["name"]).removeprefix("/")
    file = found.files.get(name)
    if file is None:
        raise NotFoundException
    # A page of an older version still asks for its files: it gets today's, and not for long.
    is_current = request.path_params["version"] == found.version
    return ASGIResponse(
        body=file.body,
        media_type=file.kind,
        headers={"cache-control": _FOR_EVER if is_current else "no-store"},
    )
