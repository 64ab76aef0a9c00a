"""A publisher's place for tests: a folder behind a real web server on this machine.

It answers with ranges as file servers do, and fails as it is told to.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import final

import msgspec

from app.core.release.manifest import RELEASE, Build, Release
from tests.support.release_keys import PublishersKey

DAY = 86_400


@final
class PublisherSite:
    """What lies there, and what was asked of it."""

    def __init__(self, folder: Path, key: PublishersKey, *, now: int) -> None:
        self.folder = folder
        self.key = key
        self.now = now
        self.address = ""
        self.asked: list[tuple[str, str]] = []
        """Path and Range of each request."""
        self.breaks_after: int | None = None
        """Bytes of a file after which the connection is cut."""

    def publish(
        self,
        version: str,
        file: Path,
        *,
        number: int = 1,
        signed_by: PublishersKey | None = None,
        **changes: object,
    ) -> Release:
        """`version` is announced, with this file for Linux."""
        content = file.read_bytes()
        (self.folder / file.name).write_bytes(content)
        build = Build(
            system="linux-x86_64",
            kind="archive",
            name=file.name,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        release = Release(
            number=number,
            issued_at=self.now - 60,
            expires_at=self.now + 30 * DAY,
            version=version,
            builds=(build,),
            notes="Faster, and kinder.",
        )
        release = msgspec.structs.replace(release, **changes)
        sealed = RELEASE.seal(release, [(signed_by or self.key).signer])
        (self.folder / "latest.json").write_bytes(sealed)
        return release


@contextmanager
def publisher_site(folder: Path, key: PublishersKey, *, now: int) -> Iterator[PublisherSite]:
    """The place, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    site = PublisherSite(folder, key, now=now)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    threading.Thread(target=server.serve_forever, name="publisher", daemon=True).start()
    site.address = f"http://127.0.0.1:{server.server_port}/latest.json"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def _handler(site: PublisherSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            site.asked.append((self.path, asked))
            file = site.folder / self.path.lstrip("/")
            if not file.is_file():
                self.send_error(404)
                return
            content = file.read_bytes()
            found = re.fullmatch(r"bytes=(\d+)-", asked)
            begin = int(found[1]) if found else 0
            self.send_response(206 if found else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            if found:
                end = f"{begin}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", f"bytes {end}")
            self.end_headers()
            cut = site.breaks_after if file.suffix != ".json" else None
            self.wfile.write(content[begin : begin + cut] if cut is not None else content[begin:])

        def log_message(self, *_: object) -> None:
            """Silent."""

    return Handler
