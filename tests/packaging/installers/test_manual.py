"""The manual page: drawn from the commands, and right by the program that shows it."""

import shutil
import subprocess
from pathlib import Path

from tests.packaging.installers.support import needs

import man  # isort: skip  # a script of packaging/linux, which support.py makes known

from app.cli.main import COMMANDS


def test_every_command_has_its_section() -> None:
    page = man.manual_page(day="2026-11-22")

    assert all(f'.SS "athanor {name}' in page for name in COMMANDS)


def test_no_line_of_text_is_taken_for_a_request() -> None:
    assert man.escaped(".bashrc is read") == "\\&.bashrc is read"
    assert man.escaped("don't `--port` C:\\") == "don\\(aqt \\fB\\-\\-port\\fR C:\\e"


def test_the_page_is_shown_without_a_warning(tmp_path: Path) -> None:
    needs("man")
    page = tmp_path / "athanor.1"
    page.write_text(man.manual_page(day="2026-11-22"), "utf-8")

    shown = subprocess.run(
        [shutil.which("man") or "man", "--warnings", "-E", "UTF-8", "-l", "-Z", page],
        capture_output=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "PATH": "/usr/bin:/bin"},
    )

    assert shown.returncode == 0
    assert not shown.stderr.decode()
