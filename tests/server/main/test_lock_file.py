"""Laws of the lock file: one server a user, and nobody else reads the token."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.server.main.lock_file import AlreadyServing, LockFile
from app.wire.local import ServerLock

SERVER = ServerLock(
    pid=41, host="127.0.0.1", port=7117, token="secret", version="1", started_at=1.0
)

HOLDER = """
import sys
from pathlib import Path
from app.server.main.lock_file import LockFile
lock = LockFile.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_tells_where_the_server_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "server.json"

    lock = LockFile.take(path)
    lock.tell(SERVER)

    assert msgspec.json.decode(path.read_bytes(), type=ServerLock) == SERVER
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lock.close()


def test_a_second_server_is_told_where_the_first_runs(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    lock = LockFile.take(path)
    lock.tell(SERVER)

    with pytest.raises(AlreadyServing, match=r"127\.0\.0\.1:7117 \(process 41\)") as refused:
        LockFile.take(path)

    assert "secret" not in str(refused.value)
    assert "athanor stop" in refused.value.remedy
    lock.close()


def test_a_lock_that_was_let_go_is_empty_and_free(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    lock = LockFile.take(path)
    lock.tell(SERVER)

    lock.close()

    assert path.read_bytes() == b""
    LockFile.take(path).close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    path.touch(mode=0o644)

    LockFile.take(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_killed_server_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyServing):
            LockFile.take(path)

        holder.send_signal(signal.SIGKILL)
        holder.wait()

        LockFile.take(path).close()
