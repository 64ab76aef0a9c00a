"""Laws of the clipboard: what was copied is there, by whatever this desktop has."""

import shutil
import subprocess
from pathlib import Path

import pytest

from app.tray.life.clipboard import commands_of, copy_text
from tests.tray.host import WAIT_SECONDS

TEXT = "http://127.0.0.1:7117/v1"
needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xclip")),
    reason="needs Xvfb and xclip (Debian: apt install xvfb xclip)",
)


@needs_screen
def test_what_was_copied_is_on_the_clipboard_of_x11(screen: str) -> None:
    assert copy_text(TEXT)

    pasted = subprocess.run(
        ["xclip", "-selection", "clipboard", "-o"],
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_SECONDS,
    ).stdout
    assert pasted == TEXT


@needs_screen
def test_without_any_program_for_it_the_tray_holds_the_clipboard_itself(
    screen: str, tmp_path: Path
) -> None:
    for text in (TEXT, "second time"):
        assert copy_text(text, {"DISPLAY": screen, "PATH": str(tmp_path)})

        pasted = subprocess.run(
            ["xclip", "-selection", "clipboard", "-o"],
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT_SECONDS,
        ).stdout
        assert pasted == text


def test_without_a_screen_nothing_is_copied_and_this_is_known(tmp_path: Path) -> None:
    assert copy_text(TEXT, {"PATH": str(tmp_path)}) is False


def test_wayland_has_its_own_program_first(tmp_path: Path) -> None:
    for name in ("wl-copy", "xclip"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    both = {"WAYLAND_DISPLAY": "w", "DISPLAY": ":9", "PATH": str(tmp_path)}

    assert [command[0] for command in commands_of(both)] == ["wl-copy", "xclip"]
    assert [command[0] for command in commands_of({**both, "WAYLAND_DISPLAY": ""})] == ["xclip"]


def test_a_program_that_fails_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "wl-copy").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "wl-copy").chmod(0o755)

    assert copy_text(TEXT, {"WAYLAND_DISPLAY": "w", "PATH": str(tmp_path)}) is False
