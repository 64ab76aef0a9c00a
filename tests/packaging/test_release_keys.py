"""Keys are made outside of the project, and what is signed with them is believed."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.release.envelope import open_signed
from app.core.release.keys import publisher_of
from app.core.release.manifest import RELEASE, Release
from app.server.identity.keys import verify
from tests.tidy.source import ROOT

FILES = {
    "athanor-0.2.0-linux.tar.zst": ("linux-x86_64", "archive"),
    "athanor_0.2.0-1_amd64.deb": ("linux-x86_64", "deb"),
    "athanor-0.2.0-windows-setup.exe": ("windows-x86_64", "setup"),
    "athanor-0.2.0-macos-arm64.dmg": ("macos-arm64", "dmg"),
}


def _run(script: str, *words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "packaging" / "release" / script, *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A file of public halves, as the project has it."""
    file = tmp_path / "release-keys.toml"
    file.write_text((ROOT / "assets" / "release-keys.toml").read_text())
    return file


def test_a_version_signed_by_a_made_key_is_believed_with_all_its_files(
    tmp_path: Path, public: Path
) -> None:
    made = _run("keys.py", "--file", public, "make", "2026-a", tmp_path / "private")
    assert made.returncode == 0, made.stderr
    dist = tmp_path / "dist"
    dist.mkdir()
    for name in (*FILES, "athanor-0.1.0-linux.tar.zst", "readme.txt"):
        (dist / name).write_bytes(name.encode())

    key = f"2026-a={tmp_path / 'private'}"
    words = ("--key", key, "--version", "0.2.0", "--keys-file", public, dist)
    signed = _run("sign.py", *words)

    assert signed.returncode == 0, signed.stderr
    release = open_signed(
        (dist / "latest.json").read_bytes(),
        RELEASE,
        keys=publisher_of(public.read_text()).key,
        verify=verify,
        now=None,
    )
    assert isinstance(release, Release)
    assert {build.name: (build.system, build.kind) for build in release.builds} == FILES
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0


def test_a_key_that_the_program_does_not_know_signs_nothing(tmp_path: Path, public: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(public.read_text())
    assert _run("keys.py", "--file", other, "make", "2026-b", tmp_path / "b").returncode == 0
    (tmp_path / "athanor-0.2.0-linux.tar.zst").write_bytes(b"x")

    key = f"2026-b={tmp_path / 'b'}"
    words = ("--key", key, "--version", "0.2.0", "--keys-file", public, tmp_path)
    signed = _run("sign.py", *words)

    assert signed.returncode == 1
    assert "believe" in signed.stderr
    assert not (tmp_path / "latest.json").exists()


def test_a_private_key_is_not_put_into_the_project(public: Path) -> None:
    made = _run("keys.py", "--file", public, "make", "2026-a", ROOT / "build" / "private")

    assert made.returncode == 1
    assert not (ROOT / "build" / "private").exists()


def test_the_project_holds_no_private_key() -> None:
    found = subprocess.run(
        ["git", "grep", "-l", "-E", "^athanor release key 1$"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert found.stdout == ""
