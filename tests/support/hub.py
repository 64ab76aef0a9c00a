"""A small server that speaks the Hugging Face hub's API, for the real huggingface_hub to talk to.

Files are answered as the hub does: HEAD and GET of `resolve` redirect to another host name, where
ranges are served. A test can make an answer stop after some bytes, break off, or be another one.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"
PIECE_BYTES = 64 * 1024
RELEASE_SECONDS_MAX = 60


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    range: str
    token: str
    host: str


@dataclass
class Repository:
    """What one repository holds, and how it is answered."""

    files: dict[str, bytes]
    is_gated: bool = False
    is_hidden: bool = False
    announced: dict[str, str] = field(default_factory=dict)
    """Hashes told instead of the real ones."""


class Hub:
    """The server while it runs."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of files that were sent, all together."""
        self.break_after: int | None = None
        """The next file answer is cut off after so many bytes, once."""
        self.hold_after: int | None = None
        """File answers stop after so many bytes until `released` is set."""
        self.held = threading.Event()
        self.released = threading.Event()
        self.ignores_ranges = False
        self.status: int | None = None
        """Every answer is this error."""
        self.body: bytes | None = None
        """Every answer is this, and a success."""
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send a child here and nowhere else."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": "",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def add(self, name: str, files: dict[str, bytes], **how: bool) -> Repository:
        self.repositories[name] = Repository(files, **how)
        return self.repositories[name]

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.asked.append(
            Asked(
                self.command,
                path,
                self.headers.get("Range", ""),
                self.headers.get("Authorization", ""),
                self.headers.get("Host", ""),
            )
        )
        if self.hub.status is not None:
            self._say(self.hub.status, b"{}")
        elif self.hub.body is not None:
            self._say(200, self.hub.body)
        elif path == "/api/models":
            self._search(parse_qs(url.query))
        elif path.startswith("/api/models/"):
            self._describe(path.removeprefix("/api/models/"))
        elif "/resolve/" in path:
            self._resolve(path)
        elif path.startswith("/cdn/"):
            self._file(path.removeprefix("/cdn/"))
        else:
            self._say(404, b"{}")

    def _search(self, query: dict[str, list[str]]) -> None:
        words = query.get("search", [""])[0].casefold()
        found = [
            {"id": name, "downloads": 10, "likes": 2, "gated": each.is_gated,
             "lastModified": "2026-09-01T00:00:00.000Z",
             "gguf": {"total": 1000, "architecture": "llama", "context_length": 4096}}
            for name, each in self.hub.repositories.items() if words in name.casefold()
        ]  # fmt: skip
        self._say(200, json.dumps(found).encode())

    def _describe(self, path: str) -> None:
        name = path.partition("/revision/")[0]
        repository = self._repository(name)
        if repository is None:
            return
        siblings = [
            {"rfilename": file, "size": len(content),
             "lfs": {"sha256": self._hash(repository, file), "size": len(content),
                     "pointerSize": 130}}
            for file, content in repository.files.items()
        ]  # fmt: skip
        facts = {
            "id": name, "sha": COMMIT, "gated": "manual" if repository.is_gated else False,
            "private": False, "tags": ["gguf", "license:apache-2.0"], "siblings": siblings,
            "gguf": {"total": 1000, "architecture": "llama", "context_length": 4096},
        }  # fmt: skip
        self._say(200, json.dumps(facts).encode())

    def _hash(self, repository: Repository, file: str) -> str:
        return repository.announced.get(file) or sha256(repository.files[file])

    def _repository(self, name: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None or repository.is_hidden:
            self._say(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            return None
        return repository

    def _resolve(self, path: str) -> None:
        name, _, rest = path.strip("/").partition("/resolve/")
        file = rest.partition("/")[2]
        repository = self._repository(name)
        if repository is None:
            return
        if repository.is_gated and not self.headers.get("Authorization"):
            self._say(403, b"{}", {"X-Error-Code": "GatedRepo"})
            return
        if file not in repository.files:
            self._say(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        digest = self._hash(repository, file)
        self._say(
            302,
            b"",
            {
                "Location": f"http://localhost:{self.hub.port}/cdn/{name}//{file}",
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(repository.files[file])),
                "X-Repo-Commit": COMMIT,
            },
        )

    def _file(self, path: str) -> None:
        name, _, file = path.partition("//")
        content = self.hub.repositories[name].files[file]
        begin, end = 0, len(content)
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if wanted and not self.hub.ignores_ranges:
            first, _, last = wanted.partition("-")
            begin, end = int(first), min(end, int(last) + 1 if last else end)
            if begin >= len(content):
                self._say(416, b"")
                return
            self._say_head(206, end - begin, f"bytes {begin}-{end - 1}/{len(content)}")
        else:
            self._say_head(200, end)
        if self.command == "GET":
            self._send(content[begin:end])

    def _send(self, content: bytes) -> None:
        hub, sent = self.hub, 0
        for start in range(0, len(content), PIECE_BYTES):
            if hub.break_after is not None and sent >= hub.break_after:
                hub.break_after = None
                self.close_connection = True
                return
            if hub.hold_after is not None and sent >= hub.hold_after:
                self.wfile.flush()
                hub.held.set()
                hub.released.wait(RELEASE_SECONDS_MAX)
            piece = content[start : start + PIECE_BYTES]
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return
            sent += len(piece)
            with hub.lock:
                hub.sent += len(piece)

    def _say_head(self, status: int, length: int, range_: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if range_:
            self.send_header("Content-Range", range_)
        self.end_headers()

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed on purpose; nobody wants to read of it."""
        del request, client_address


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub on a free port of this machine, without repositories."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub = Hub(server)
    handler.hub = hub
    thread = threading.Thread(target=server.serve_forever, name="hub", daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
