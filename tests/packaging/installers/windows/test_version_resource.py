"""What Windows' own calls read of the resource that PyInstaller makes of our text, under wine64."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.installers.support import ROOT, needs, ran
from tests.packaging.installers.windows.wine import Windows

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
BUNDLER = ROOT / "build" / "bundle-venv" / "bin" / "python"


def resource(version: str, file_name: str) -> bytes:
    """By PyInstaller, which is in the environment of the bundle."""
    if not BUNDLER.exists():
        pytest.skip("needs build/bundle-venv: make bundle")
    script = HERE / "pyinstaller_resource.py"
    done = subprocess.run(
        [BUNDLER, script, version, file_name], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def read_by_windows(windows: Windows, program: Path, raw: bytes) -> dict[str, str]:
    """Name and value of all that the resource says, once it is in the program."""
    folder = windows.local / "version-tool"
    folder.mkdir()
    ran(["makensis", "-V2", "-WX", f"-DOUTPUT={folder / 'version_tool.exe'}",
         HERE / "version_tool.nsi"])  # fmt: skip
    (folder / "resource.bin").write_bytes(raw)
    shutil.copy(program, folder / "program.exe")
    windows.run(folder / "version_tool.exe")
    lines = (folder / "version.txt").read_text("utf-16-le").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_windows_reads_from_a_program_what_the_version_resource_was_written_to_say(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    needs("makensis", "wine")
    windows.run(installers[0], "/S")

    read = read_by_windows(
        windows, windows.programs / "athanor.exe", resource("0.2.1", "athanor.exe")
    )

    assert read == {
        # Two numbers in each word: 0.2 and 1.0.
        "file": "00000002 00010000",
        "product": "00000002 00010000",
        "system": "40004",
        "kind": "1",
        "language": "1033 1200",
        "CompanyName": "The Athanor authors",
        "FileDescription": "Athanor, private server for language models on your own GPU",
        "FileVersion": "0.2.1",
        "InternalName": "athanor",
        "LegalCopyright": "Copyright 2026 The Athanor authors, Apache-2.0",
        "OriginalFilename": "athanor.exe",
        "ProductName": "Athanor",
        "ProductVersion": "0.2.1",
    }
