"""The installer for Windows: compiled by makensis, and run by wine64 with a stand-in payload."""

from pathlib import Path

import pytest

from app.installation.kept import Kept
from tests.packaging.installers.support import needs, ran, until
from tests.packaging.installers.windows.wine import (
    RUN_KEY,
    UNINSTALL_KEY,
    WAIT_SECONDS,
    Windows,
    installer_of,
)

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

COMMAND_KEY = r"HKCU\Software\Classes\athanor\shell\open\command"


def kept(windows: Windows) -> dict[str, str]:
    """The version of each installer that the program would find (app/installation/kept.py)."""
    files = Kept(windows.data / "Cache" / "updates").files()
    return {version: file.name for version, file in files.items()}


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

    assert windows.modules == {"in_all.pyc", "only_in_0.2.0.pyc"}
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
    assert windows.modules == {"in_all.pyc", "only_in_0.1.0.pyc"}
    assert set(kept(windows)) == {"0.1.0", "0.2.0"}
    windows.uninstall()
    assert not windows.data.exists()


def test_the_sum_of_an_installer_that_was_replaced_is_not_kept(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    folder = windows.data / "Cache" / "updates" / "0.1.0"
    folder.mkdir(parents=True)
    name = "athanor-0.1.0-windows-setup.exe"
    (folder / name).write_text("another build of this version")
    (folder / ".sha256").write_text(f"{'0' * 64}  {name}\n")

    windows.run(installers[0], "/S")

    assert [file.name for file in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == installers[0].read_bytes()


def test_a_folder_whose_name_has_a_blank_is_as_good_as_any(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.programs = Path(windows.environment["WINEPREFIX"]) / "drive_c" / "a b"
    windows.run(installers[0], "/S", "/D=C:\\a", "b")
    assert (windows.programs / "athanor-desktop.exe").exists()
    assert windows.value(COMMAND_KEY) == '"C:\\a b\\athanor-desktop.exe" open -- "%1"'

    windows.run(installers[1], "/S", "/UPDATE")
    assert windows.modules == {"in_all.pyc", "only_in_0.2.0.pyc"}

    windows.uninstall()
    assert not windows.programs.exists()
    assert not windows.value(UNINSTALL_KEY, "DisplayName")


def test_an_upgrade_asks_a_running_server_to_end_and_starts_the_tray_again(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    server = windows.started(windows.programs / "athanor.exe", "serve")
    told = windows.programs.parent / "told.txt"
    until(told.exists, "the stand-in to serve")

    windows.run(installers[1], "/S", "/UPDATE")

    assert server.wait(WAIT_SECONDS) == 0, "it ended by itself, since it was asked"
    until(lambda: len(told.read_text().splitlines()) == 3, "the tray to start")
    assert told.read_text().splitlines() == [
        "athanor.exe serve",
        "athanor.exe stop --force",
        "athanor-desktop.exe tray --background",
    ]
    assert "only_in_0.2.0.pyc" in windows.modules


def test_to_uninstall_keeps_what_is_the_users_and_leaves_nothing_else(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    model = windows.use()

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
    windows.use()

    windows.uninstall("/PURGE")

    assert not windows.data.exists()
    assert not windows.programs.exists()


def test_to_purge_deletes_nothing_that_a_link_leads_to(
    windows: Windows, installers: tuple[Path, Path], tmp_path: Path
) -> None:
    windows.run(installers[0], "/S")
    model = windows.use()
    others = {name: tmp_path / name / "model.gguf" for name in ("models/of-others", "Cache/far")}
    for name, file in others.items():
        file.parent.mkdir(parents=True)
        file.write_text("of another program")
        (windows.data / name).symlink_to(file.parent, target_is_directory=True)

    windows.run(windows.programs / "Uninstall.exe", "/S", "/PURGE",
                f"_?={windows.windows_path(windows.programs)}")  # fmt: skip

    assert not model.exists()
    assert all(file.read_text() == "of another program" for file in others.values())


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
