"""The installer for Windows: compiled by makensis, and run by wine64 with a stand-in payload."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.installation.kept import Kept
from tests.packaging.installers.support import PACKAGING, ROOT, needs, ran, until

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

UNINSTALL_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Athanor"
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
COMMAND_KEY = r"HKCU\Software\Classes\athanor\shell\open\command"
STILL_RUNS = 5


def installer_of(folder: Path, version: str, *, is_for_wine: bool = True) -> Path:
    """The installer of a stand-in of that version."""
    script = PACKAGING / "windows" / "build.py"
    flags = ["--stand-in", "--version", version, "--output", folder]
    ran(["python3", script, *flags, *(["--wine"] if is_for_wine else [])], cwd=ROOT)
    return next(folder.glob(f"athanor-{version}-windows*-setup.exe"))


class Windows:
    """A fresh Windows of wine's, with one user."""

    def __init__(self, prefix: Path) -> None:
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "WINEPREFIX": str(prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=d;mshtml=d;winemenubuilder.exe=d",
        }
        if not prefix.exists():
            self.run("wineboot", "--init")
            self.run("winecfg", "-v", "win10")
        self.local = next((prefix / "drive_c/users").glob("*/AppData/Local"))
        self.programs = self.local / "Programs" / "Athanor"
        self.data = self.local / "athanor"
        self.menu = self.local.parent / "Roaming/Microsoft/Windows/Start Menu/Programs"

    def run(self, *words: str | Path, is_checked: bool = True) -> int:
        """The exit code of a program of Windows, once it and what it started have ended."""
        done = subprocess.run(
            ["wine", *[str(word) for word in words]],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        assert not is_checked or done.returncode == 0, done
        return done.returncode

    def uninstall(self, *flags: str) -> None:
        """As Windows' settings do it. NSIS runs a copy of itself; `_?=` lets it be waited for."""
        uninstaller = self.programs / "Uninstall.exe"
        # The last word is not quoted, whatever blanks it has.
        folder = f"_?={self.windows_path(self.programs)}".split(" ")
        self.run(uninstaller, "/S", *flags, *folder)
        # By `_?=` it runs from its own file, which it then cannot delete.
        uninstaller.unlink(missing_ok=True)
        self.programs.rmdir()

    def windows_path(self, path: Path) -> str:
        """Such as C:\\users\\me."""
        drive = Path(self.environment["WINEPREFIX"]) / "drive_c"
        return "C:\\" + str(path.relative_to(drive)).replace("/", "\\")

    def value(self, key: str, name: str = "") -> str:
        """A value of the registry; "" where there is none."""
        flag = ["/v", name] if name else ["/ve"]
        done = subprocess.run(
            ["wine", "reg", "query", key, *flag],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        rows = [line.split("    ") for line in done.stdout.splitlines() if "REG_" in line]
        return rows[0][-1].strip() if rows else ""

    def end(self) -> None:
        """Ends whatever of wine still runs here, and waits for it."""
        for flag in ("-k", "-w"):
            subprocess.run(["wineserver", flag], env=self.environment, check=False)


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    needs("makensis", "wine")
    folder = tmp_path_factory.mktemp("installers")
    return installer_of(folder, "0.1.0"), installer_of(folder, "0.2.0")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix that was begun once; a copy of it takes a second, a new one ten."""
    needs("wine", "wineserver")
    prefix = tmp_path_factory.mktemp("wine") / "prefix"
    Windows(prefix).end()
    return prefix


@pytest.fixture
def windows(template: Path, tmp_path: Path) -> Iterator[Windows]:
    prefix = tmp_path / "prefix"
    shutil.copytree(template, prefix, symlinks=True)
    made = Windows(prefix)
    yield made
    made.end()
    shutil.rmtree(prefix)


def modules(windows: Windows) -> set[str]:
    """The modules that an upgrade might leave behind."""
    return {file.name for file in (windows.programs / "_internal/app").iterdir()}


def kept(windows: Windows) -> dict[str, str]:
    """The version of each installer that the program would find (app/installation/kept.py)."""
    files = Kept(windows.data / "Cache" / "updates").files()
    return {version: file.name for version, file in files.items()}


def use(windows: Windows) -> Path:
    """What a user leaves: a model, a log, a cache, a pack, autostart. The model."""
    model = windows.data / "models" / "tiny.gguf"
    pack = windows.data / "runtimes" / "cuda13-1.0" / "ggml-cuda.dll"
    for file in (model, pack, windows.data / "Cache" / "a", windows.data / "Logs" / "b"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("made")
    windows.run("reg", "add", RUN_KEY, "/v", "Athanor", "/d", "athanor-desktop.exe", "/f")
    return model


def test_the_installer_for_users_is_compiled_with_all_that_is_in_the_payload(
    tmp_path: Path,
) -> None:
    needs("makensis", "7z")

    listed = ran(["7z", "l", installer_of(tmp_path, "0.1.0", is_for_wine=False)])

    wanted = ("athanor.exe", "athanor-desktop.exe", "Uninstall.exe", "_internal/app/in_all.pyc")
    assert all(name in listed for name in wanted)


def test_with_a_certificate_every_program_and_the_installer_are_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("makensis", "osslsigncode", "openssl", "7z")
    key, certificate, script = (tmp_path / name for name in ("key.pem", "own.pem", "sign.sh"))
    ran(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=Nobody", "-addext", "extendedKeyUsage=codeSigning", "-keyout", key, "-out",
         certificate])  # fmt: skip
    script.write_text(
        f'#!/bin/sh\nset -e\nosslsigncode sign -h sha256 -certs "{certificate}" -key "{key}" '
        '-in "$1" -out "$1.signed" >/dev/null\nmv "$1.signed" "$1"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("ATHANOR_SIGN", str(script))

    installer = installer_of(tmp_path / "out", "0.1.0", is_for_wine=False)

    ran(["7z", "x", f"-o{tmp_path / 'inside'}", installer])
    inside = [tmp_path / "inside" / name for name in ("athanor.exe", "athanor-desktop.exe")]
    for file in (installer, *inside):
        told = ran(["osslsigncode", "verify", "-CAfile", certificate, file])
        assert "Signature verification: ok" in told


def test_it_installs_for_one_user_with_a_menu_entry_links_and_a_way_out(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")

    assert (windows.programs / "athanor.exe").exists()
    assert (windows.menu / "Athanor.lnk").exists()
    program = windows.windows_path(windows.programs / "athanor-desktop.exe")
    assert windows.value(COMMAND_KEY).lower() == f'{program} open -- "%1"'.lower()
    assert windows.value(UNINSTALL_KEY, "DisplayVersion") == "0.1.0"
    assert int(windows.value(UNINSTALL_KEY, "EstimatedSize"), 16) > 0


def test_an_upgrade_takes_the_modules_of_the_old_version_away(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    windows.run(installers[1], "/S", "/UPDATE")

    assert modules(windows) == {"in_all.pyc", "only_in_0.2.0.pyc"}
    assert windows.value(UNINSTALL_KEY, "DisplayVersion") == "0.2.0"


def test_an_installer_stays_for_the_way_back_and_leads_there(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    assert kept(windows) == {"0.1.0": "athanor-0.1.0-windows-setup.exe"}
    first = windows.data / "Cache/updates/0.1.0/athanor-0.1.0-windows-setup.exe"
    assert first.read_bytes() == installers[0].read_bytes()

    windows.run(installers[1], "/S", "/UPDATE")
    assert set(kept(windows)) == {"0.1.0", "0.2.0"}

    windows.run(first, "/S", "/UPDATE")
    assert modules(windows) == {"in_all.pyc", "only_in_0.1.0.pyc"}
    assert set(kept(windows)) == {"0.1.0", "0.2.0"}
    windows.uninstall()
    assert not windows.data.exists()


def test_a_folder_whose_name_has_a_blank_is_as_good_as_any(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.programs = Path(windows.environment["WINEPREFIX"]) / "drive_c" / "a b"
    windows.run(installers[0], "/S", "/D=C:\\a", "b")
    assert (windows.programs / "athanor-desktop.exe").exists()
    assert windows.value(COMMAND_KEY) == '"C:\\a b\\athanor-desktop.exe" open -- "%1"'

    windows.run(installers[1], "/S", "/UPDATE")
    assert modules(windows) == {"in_all.pyc", "only_in_0.2.0.pyc"}

    windows.uninstall()
    assert not windows.programs.exists()
    assert not windows.value(UNINSTALL_KEY, "DisplayName")


def test_an_upgrade_asks_a_running_server_to_end_and_starts_the_tray_again(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    with subprocess.Popen(
        ["wine", str(windows.programs / "athanor.exe"), "serve"], env=windows.environment
    ) as server:
        told = windows.programs.parent / "told.txt"
        until(told.exists, "the stand-in to serve")

        windows.run(installers[1], "/S", "/UPDATE")

        assert server.wait(60) == 0, "it ended by itself, since it was asked"
    windows.end()
    assert [line.split()[0] for line in told.read_text().splitlines()] == [
        "athanor.exe",
        "athanor.exe",
        "athanor-desktop.exe",
    ]
    assert "athanor.exe stop --force" in told.read_text()
    assert "athanor-desktop.exe tray --background" in told.read_text()
    assert "only_in_0.2.0.pyc" in modules(windows)


def test_to_uninstall_keeps_what_is_the_users_and_leaves_nothing_else(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    model = use(windows)

    windows.uninstall()

    assert not windows.programs.exists()
    assert [path.name for path in windows.data.iterdir()] == ["models"]
    assert model.read_text() == "made"
    assert not (windows.menu / "Athanor.lnk").exists()
    assert not windows.value(COMMAND_KEY)
    assert not windows.value(UNINSTALL_KEY, "DisplayName")
    assert not windows.value(RUN_KEY, "Athanor")


def test_to_purge_deletes_the_users_data_too(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    use(windows)

    windows.uninstall("/PURGE")

    assert not windows.data.exists()
    assert not windows.programs.exists()


def test_to_uninstall_leaves_a_strangers_file_in_its_folder_alone(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    other = windows.programs / "notes.txt"
    other.write_text("mine")

    uninstaller = windows.programs / "Uninstall.exe"
    windows.run(uninstaller, "/S", f"_?={windows.windows_path(windows.programs)}")

    assert {path.name for path in windows.programs.iterdir()} <= {"notes.txt", "Uninstall.exe"}
    assert other.read_text() == "mine"
