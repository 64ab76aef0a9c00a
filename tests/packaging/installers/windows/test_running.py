"""What Setup and the uninstaller do while something of Athanor's runs from their folder."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from app.wire.local import ServerLock
from tests.packaging.installers.support import until
from tests.packaging.installers.windows.screen import Screen
from tests.packaging.installers.windows.wine import WAIT_SECONDS, Windows

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

STILL_RUNS = 5
"""Setup's exit code (packaging/windows/athanor.nsi)."""
OLD = {"in_all.pyc", "only_in_0.1.0.pyc"}
NEW = {"in_all.pyc", "only_in_0.2.0.pyc"}

Program = subprocess.Popen[bytes]


def told(windows: Windows) -> list[str]:
    """What the stand-ins were started with, one after the other."""
    file = windows.programs.parent / "told.txt"
    return file.read_text().splitlines() if file.exists() else []


def runs(windows: Windows, *words: str) -> Program:
    """The stand-in, which has said that it was started so."""
    program = windows.started(windows.programs / words[0], *words[1:])
    until(lambda: " ".join(words) in told(windows), f"{words} to run")
    return program


def runs_as_host(windows: Windows) -> Program:
    """A host of a pool, which has told its process."""
    host = runs(windows, "athanor.exe", "pool", "serve")
    file = windows.data / "run" / "pool.json"
    until(lambda: file.exists() and file.read_text().endswith("}"), "the host to tell where it is")
    return host


def end(windows: Windows, program: Program, file: str) -> None:
    """As its owner would; the stand-in knows it by the file."""
    (windows.programs.parent / file).touch()
    assert program.wait(WAIT_SECONDS) == 0


def begin_to_install(screen: Screen, installer: Path) -> Program:
    """Setup, up to where it wants to replace files."""
    setup = screen.windows.started(installer)
    for page, key in (("Welcome", "n"), ("License", "a"), ("Destination", "i")):
        screen.shown(page)
        screen.press(f"alt+{key}")
    return setup


def test_the_file_of_a_host_is_what_setup_reads() -> None:
    lock = ServerLock(pid=7, host="127.0.0.1", port=1, token="t", version="0.1.0", started_at=0)

    assert b'"pid":7,' in msgspec.json.encode(lock)


def test_a_silent_upgrade_leaves_all_as_it_is_while_a_host_runs_and_says_so(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    server = runs(windows, "athanor.exe", "serve")
    host = runs_as_host(windows)

    code = windows.run(installers[1], "/S", "/UPDATE", is_checked=False)

    assert code == STILL_RUNS
    assert windows.modules == OLD
    assert "athanor.exe stop --force" not in told(windows), "the server was ended for nothing"
    process = re.search(r"\d+", (windows.data / "run/pool.json").read_text())
    assert process
    assert windows.log[-1].startswith("Athanor 0.2.0 was not replaced, since this runs: ")
    assert f"the host of a pool (process {process[0]})" in windows.log[-1]
    end(windows, host, "pool-stop.txt")
    end(windows, server, "stop.txt")


def test_a_silent_upgrade_leaves_all_as_it_is_while_a_command_runs_in_a_terminal(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    chat = runs(windows, "athanor.exe", "run")
    tray = runs(windows, "athanor-desktop.exe", "tray")

    code = windows.run(installers[1], "/S", "/UPDATE", is_checked=False)

    assert code == STILL_RUNS
    assert windows.modules == OLD
    assert re.search(r"this runs: athanor\.exe \(process \d+\)$", windows.log[-1])
    assert tray.poll() is None, "whoever may still want to quit it finds its icon"
    end(windows, chat, "run-stop.txt")
    end(windows, tray, "tray-stop.txt")


def test_the_next_upgrade_is_done_once_they_have_ended(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    host = runs_as_host(windows)
    assert windows.run(installers[1], "/S", is_checked=False) == STILL_RUNS
    end(windows, host, "pool-stop.txt")

    windows.run(installers[1], "/S")

    assert windows.modules == NEW
    assert windows.log[-1] == "Athanor 0.2.0 was installed"


def test_what_a_host_that_was_killed_left_behind_hinders_nothing(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    (windows.data / "run").mkdir()
    (windows.data / "run" / "pool.json").write_text('{"pid":4000000000,"host":"127.0.0.1"}')
    server = runs(windows, "athanor.exe", "serve")

    windows.run(installers[1], "/S")

    assert server.wait(WAIT_SECONDS) == 0
    assert windows.modules == NEW


def test_a_tray_is_ended_by_an_upgrade_and_starts_again_after_an_update(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    tray = runs(windows, "athanor-desktop.exe", "tray")

    windows.run(installers[1], "/S", "/UPDATE")

    tray.wait(WAIT_SECONDS)
    assert windows.modules == NEW
    until(
        lambda: "athanor-desktop.exe tray --background" in told(windows), "the tray to start again"
    )


def test_the_uninstaller_removes_nothing_while_a_host_runs(
    windows: Windows, installers: tuple[Path, Path]
) -> None:
    windows.run(installers[0], "/S")
    model = windows.use()
    host = runs_as_host(windows)

    assert windows.uninstall("/PURGE", is_checked=False) == STILL_RUNS

    assert windows.modules == OLD
    assert model.exists()
    assert "was not removed, since this runs: the host of a pool" in windows.log[-1]
    end(windows, host, "pool-stop.txt")
    windows.uninstall("/PURGE")
    assert not windows.data.exists()


def test_setup_names_the_host_and_goes_on_when_it_was_ended(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    host = runs_as_host(screen.windows)
    setup = begin_to_install(screen, installers[1])
    screen.shown("the host of a pool (process")
    screen.keep_picture("setup-5-a-host-runs")
    assert screen.windows.modules == OLD

    end(screen.windows, host, "pool-stop.txt")
    screen.press("alt+r")
    screen.shown("Completing Athanor")
    screen.press("alt+s", "alt+f")

    assert setup.wait(WAIT_SECONDS) == 0
    assert screen.windows.modules == NEW


def test_setup_is_given_up_while_a_command_runs_in_a_terminal_and_nothing_is_lost(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    chat = runs(screen.windows, "athanor.exe", "run")
    setup = begin_to_install(screen, installers[1])
    screen.shown("Leave it in its terminal")
    screen.keep_picture("setup-6-a-command-runs")

    screen.press("Escape")

    assert setup.wait(WAIT_SECONDS) == STILL_RUNS
    assert screen.windows.modules == OLD
    end(screen.windows, chat, "run-stop.txt")


def test_the_uninstaller_is_given_up_without_a_loss(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    host = runs_as_host(screen.windows)
    uninstaller = screen.windows.programs / "Uninstall.exe"
    screen.windows.started(screen.windows.windows_path(uninstaller)).wait(WAIT_SECONDS)
    screen.shown("&Next >")
    screen.press("alt+n")
    screen.shown("the host of a pool (process")
    screen.keep_picture("uninstall-5-a-host-runs")

    screen.press("Escape")

    until(lambda: not any("host of a pool" in each.text for each in screen.controls()), "its end")
    end(screen.windows, host, "pool-stop.txt")
    assert screen.windows.modules == OLD
    assert (screen.windows.programs / "Uninstall.exe").exists()
