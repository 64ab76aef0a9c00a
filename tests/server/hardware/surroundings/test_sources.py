"""Laws of the small sources: programs, power, sleep, and how other systems' figures are read."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.core.sharing.facts import Unknown
from app.core.sharing.programs import ExclusivePrograms
from app.server.hardware.surroundings import macos, windows
from app.server.hardware.surroundings.look import Lookout, minute_of_week
from app.server.hardware.surroundings.power import battery, battery_of
from app.server.hardware.surroundings.programs import Programs, last_part
from app.server.hardware.surroundings.sleep import SleepClock, clock_lead


@pytest.fixture
def game(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A program whose name is longer than Linux keeps."""
    path = tmp_path / "Cyberpunk2077-Launcher.exe"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", path)
    process = subprocess.Popen([str(path), "600"])
    yield process  # type: ignore[misc]
    process.kill()
    process.wait(20)


def test_a_program_is_seen_when_it_runs_and_no_more_when_it_has_ended(
    game: "subprocess.Popen[bytes]",
) -> None:
    programs = Programs()

    running = programs.names()
    others = programs.names(but=[game.pid])
    game.kill()
    game.wait(20)
    after = programs.names()

    assert "Cyberpunk2077-Launcher.exe" in running
    assert "Cyberpunk2077-Launcher.exe" not in others
    assert "Cyberpunk2077-Launcher.exe" not in after


def test_a_look_around_names_the_exclusive_programs_that_run(
    game: "subprocess.Popen[bytes]",
) -> None:
    lookout = Lookout(["CYBERPUNK*", "blender"])

    seen = lookout.look()
    ours = lookout.look([game.pid])
    lookout.close()

    assert seen.exclusive_programs == ("Cyberpunk2077-Launcher",)
    assert ours.exclusive_programs == ()
    assert 0 <= seen.minute_of_week < 7 * 24 * 60
    assert seen.slept_seconds == 0.0


@pytest.mark.parametrize(
    ("listed", "running", "found"),
    [
        ("game", "Game.EXE", "Game"),
        ("Game.exe", "game", "game"),
        ("game*", "Game-Linux-Shipping", "Game-Linux-Shipping"),
        ("game", "gamepad", None),
        ("Final Cut Pro", "Final Cut Pro", "Final Cut Pro"),
        ("a[b]", "ab", "ab"),
        ("", "anything", None),
        ("  ", "anything", None),
    ],
)
def test_names_are_compared_as_people_mean_them(
    listed: str, running: str, found: str | None
) -> None:
    assert ExclusivePrograms([listed]).among([running]) == (() if found is None else (found,))


@pytest.mark.parametrize(
    ("command", "name"),
    [("/usr/bin/blender", "blender"), ("Z:\\Games\\The Game.exe", "The Game.exe"), ("ls", "ls")],
)
def test_the_last_part_of_a_command_is_the_programs_name(command: str, name: str) -> None:
    assert last_part(command) == name


def test_the_battery_of_this_machine_is_told_or_it_has_none() -> None:
    on_battery, percent = battery()

    if psutil.sensors_battery() is None:
        assert on_battery is False
        assert isinstance(percent, Unknown)
    else:
        assert isinstance(on_battery, bool | Unknown)


def test_a_battery_that_does_not_say_whether_it_is_plugged_is_not_taken_for_plugged() -> None:
    assert battery_of(80, is_plugged=True) == (False, 80.0)
    assert battery_of(80, is_plugged=False) == (True, 80.0)
    unknown, percent = battery_of(80, is_plugged=None)
    assert isinstance(unknown, Unknown) and percent == 80.0


def test_a_sleep_is_counted_once() -> None:
    leads = iter([100.0, 100.01, 700.0, 700.01, 700.02])
    clock = SleepClock(lambda: next(leads))

    assert [round(clock.slept_seconds()) for _ in range(4)] == [0, 600, 0, 0]


def test_the_clocks_of_this_machine_agree_while_it_is_awake() -> None:
    assert abs(clock_lead() - clock_lead()) < 1.0
    assert SleepClock().slept_seconds() == 0.0


@pytest.mark.parametrize(
    ("now", "last", "seconds"),
    [(10_000, 4_000, 6.0), (5_000, 0xFFFFFFFF - 4_999, 10.0), (7, 7, 0.0)],
)
def test_windows_ticks_go_round_after_seven_weeks(now: int, last: int, seconds: float) -> None:
    assert windows.idle_of_ticks(now, last) == seconds


@pytest.mark.parametrize(
    ("state", "meaning"),
    [(2, True), (3, True), (4, True), (5, False), (6, False), (7, False), (1, None), (9, None)],
)
def test_windows_states_of_notification_are_read(state: int, meaning: bool | None) -> None:
    found = windows.full_screen_of_state(state)

    assert isinstance(found, Unknown) if meaning is None else found is meaning


SCREEN = macos.Window(0, 0, 0, 1728, 1117)


@pytest.mark.parametrize(
    ("window", "is_full"),
    [
        (macos.Window(0, 0, 0, 1728, 1117), True),
        (macos.Window(0, 0, 38, 1728, 1079), False),
        (macos.Window(25, 0, 0, 1728, 1117), False),
        (macos.Window(0, -100, -100, 3000, 3000), True),
    ],
)
def test_on_macos_a_full_screen_window_takes_the_menu_bars_place_too(
    window: macos.Window, is_full: bool
) -> None:
    assert macos.covers([macos.Window(24, 0, 0, 1728, 38), window], SCREEN) is is_full
    assert macos.idle_of_nanoseconds(2_500_000_000) == 2.5


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="asks the other two systems")
def test_a_system_is_not_asked_on_another() -> None:
    for module in (windows, macos):
        assert isinstance(module.idle_seconds(), Unknown)
        assert isinstance(module.full_screen(), Unknown)


def test_the_week_begins_on_monday_at_midnight() -> None:
    monday = time.struct_time((2026, 11, 23, 0, 0, 0, 0, 327, 0))
    sunday = time.struct_time((2026, 11, 22, 23, 59, 59, 6, 326, 0))

    assert minute_of_week(monday) == 0
    assert minute_of_week(sunday) == 7 * 24 * 60 - 1
