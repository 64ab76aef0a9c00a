"""A key is made once, whole, for its owner's eyes alone, and nobody overwrites it."""

import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.base.errors import KeyFileInvalid
from app.server.identity.keys import DeviceKey, PoolKey, verify

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes of files are POSIX's")


def _public(path: Path) -> str:
    return DeviceKey.ensure(path).public


def test_a_key_stays_the_same_from_one_start_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "device.key"

    first, second = DeviceKey.ensure(path), DeviceKey.ensure(path)

    assert first.device == second.device
    assert first.sealing_key == second.sealing_key
    assert [entry.name for entry in path.parent.iterdir()] == ["device.key"]


def test_two_keys_differ_and_their_own_parts_too(tmp_path: Path) -> None:
    one, other = DeviceKey.ensure(tmp_path / "1"), DeviceKey.ensure(tmp_path / "2")

    publics = {one.public, other.public, one.sealing_key.hex(), other.sealing_key.hex()}
    assert len(publics) == 4


@posix
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    before = os.umask(0)
    try:
        DeviceKey.ensure(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_key_that_others_can_read_or_change_is_refused_with_the_remedy(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "device.key"
    DeviceKey.ensure(path)
    path.chmod(mode)

    with pytest.raises(KeyFileInvalid, match="other users") as raised:
        DeviceKey.ensure(path)

    assert f"chmod 600 '{path}'" in raised.value.remedy


DAMAGES = {
    "empty": "",
    "another kind": "athanor pool key 1\n" + "ab" * 32,
    "a later version": "athanor device key 2\n" + "ab" * 32,
    "short": "athanor device key 1\n" + "ab" * 31,
    "no digits": "athanor device key 1\n" + "xy" * 32,
    "no title": "ab" * 32,
}


@pytest.mark.parametrize("text", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_key_is_refused_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "device.key"
    path.touch(0o600)
    path.write_text(text)

    with pytest.raises(KeyFileInvalid, match="device key") as raised:
        DeviceKey.ensure(path)

    assert path.read_text() == text
    assert text[-64:] not in str(raised.value) or not text


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "device.key").mkdir()

    with pytest.raises((KeyFileInvalid, OSError)):
        DeviceKey.ensure(tmp_path / "device.key")


def test_a_key_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PoolKey.read(tmp_path / "host.key")

    assert not any(tmp_path.iterdir())


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "device.key"

    with multiprocessing.get_context("spawn").Pool(4) as processes:
        publics = processes.map(_public, [path] * 8)

    assert len(set(publics)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["device.key"]


def test_a_signature_is_its_keys_over_its_message_and_nothing_else(tmp_path: Path) -> None:
    key, other = DeviceKey.ensure(tmp_path / "1"), PoolKey.ensure(tmp_path / "2")
    signature = key.sign(b"message")

    assert verify(key.public, signature, b"message")
    assert not verify(other.public, signature, b"message")
    assert not verify(key.public, signature, b"messagf")
    assert not verify(key.public, signature[:-1], b"message")
    assert not verify(key.public, b"", b"message")
    assert not verify("no key", signature, b"message")
    assert not verify("", signature, b"message")


def test_a_key_shows_its_public_part_alone() -> None:
    key = DeviceKey(bytes(range(32)))

    assert repr(key) == f"<DeviceKey {key.public[:8]}>"
    assert bytes(range(32)).hex() not in repr(vars(key).keys())


def test_who_has_no_pool_does_not_load_the_cryptography() -> None:
    program = (
        "import sys; import app.server.identity.keys, app.core.pool.node_session;"
        "print([m for m in sys.modules if m.startswith('cryptography')])"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"
