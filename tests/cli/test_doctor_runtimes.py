"""The doctor names every GPU that was switched off, and what to do."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from app.cli.doctor.runtimes import check_advice, check_runtimes
from app.core.runtime.record import Pair, Proof, RuntimeRecord
from app.settings.paths import Paths
from app.wire.local import ServerLock
from app.wire.runtime import RuntimePicture

CARD = Pair(device="Some GPU", backend="vulkan", build="1")


def _kept(folder: Path, raw: bytes) -> Paths:
    paths = Paths.under(folder)
    paths.runtimes.mkdir(parents=True)
    (paths.runtimes / "record.json").write_bytes(raw)
    return paths


def test_what_failed_is_a_warning_with_its_reason_and_what_passed_is_well(tmp_path: Path) -> None:
    failed = Proof(pair=CARD, is_good=False, at=1.0, reason="it crashed")
    passed = Proof(pair=CARD, is_good=True, at=1.0)
    record = RuntimeRecord(wish="cpu", proofs=(failed, passed))

    found = list(check_runtimes(_kept(tmp_path, msgspec.json.encode(record))))

    assert [finding.verdict for finding in found] == ["note", "warning", "ok"]
    assert "it crashed" in found[1].message
    assert "athanor runtime test vulkan" in found[1].remedy


def test_nothing_is_said_where_nothing_was_tried_and_a_damaged_record_is(tmp_path: Path) -> None:
    assert list(check_runtimes(Paths.under(tmp_path / "none"))) == []
    assert [f.verdict for f in check_runtimes(_kept(tmp_path, b"\x00"))] == ["warning"]


@contextmanager
def _server_that_advises(advice: str, folder: Path) -> Iterator[Paths]:
    """Where a server of this user is found, which answers with this advice alone."""
    picture = RuntimePicture(
        number=1, is_modular=True, build="1", wish="auto", packs=(), advice=advice
    )

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = msgspec.json.encode(picture)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The test says what went wrong."""

    paths = Paths.under(folder)
    paths.ensure()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lock = ServerLock(
            pid=os.getpid(),
            host="127.0.0.1",
            port=server.server_address[1],
            token="t",
            version="0",
            started_at=0.0,
        )
        paths.lock_file.write_bytes(msgspec.json.encode(lock))
        yield paths
        server.shutdown()


def test_what_the_running_server_advises_is_a_note_and_nothing_is_said_without_one(
    tmp_path: Path,
) -> None:
    with _server_that_advises("CUDA is usually faster.", tmp_path / "advised") as paths:
        (advised,) = check_advice(paths)
    with _server_that_advises("", tmp_path / "content") as paths:
        content = list(check_advice(paths))

    assert (advised.verdict, advised.message) == ("note", "CUDA is usually faster.")
    assert content == list(check_advice(Paths.under(tmp_path / "none"))) == []
