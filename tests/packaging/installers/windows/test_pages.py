"""The pages of Setup and of the uninstaller: seen, and gone through by keys alone, under wine64."""

import os
from pathlib import Path

import pytest

from tests.packaging.installers.support import until
from tests.packaging.installers.windows.screen import Screen, one
from tests.packaging.installers.windows.wine import WAIT_SECONDS

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(900)]

BOX = "&Delete them too"
"""On the page that asks about settings and models."""


def begin_to_uninstall(screen: Screen) -> None:
    """As Windows' settings do it, up to the page with the box."""
    uninstaller = screen.windows.programs / "Uninstall.exe"
    screen.windows.started(screen.windows.windows_path(uninstaller)).wait(WAIT_SECONDS)
    screen.shown("&Next >")
    screen.keep_picture("uninstall-1-where")
    screen.press("alt+n")


def finish(screen: Screen) -> None:
    """From a press of "Uninstall" to the end."""
    screen.press("alt+u")
    screen.shown("Uninstallation Complete")
    screen.keep_picture("uninstall-4-done")
    screen.press("alt+c")
    until(lambda: not screen.windows.programs.exists(), "the uninstaller to end")


def wait_for_focus(screen: Screen, words: str) -> None:
    """Until the control with these words has it, on the page with the box."""
    until(lambda: one(screen.shown(BOX), words).has_focus, f"{words} to have the focus")


def test_setup_is_gone_through_by_keys_and_starts_the_program_where_that_stays_ticked(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    setup = screen.windows.started(installers[0])
    assert one(screen.shown("Welcome to Athanor"), "&Next >").is_set
    screen.keep_picture("setup-1-welcome")
    screen.press("alt+n")
    assert one(screen.shown("License Agreement"), "I &Agree").is_set
    screen.keep_picture("setup-2-licence")
    screen.press("alt+a")
    assert one(screen.shown("Destination Folder"), "&Install").is_set
    screen.keep_picture("setup-3-folder")
    screen.press("alt+i")
    assert one(screen.shown("Completing Athanor"), "&Start Athanor now").is_set
    screen.keep_picture("setup-4-finish")
    screen.press("alt+f")

    assert setup.wait(WAIT_SECONDS) == 0
    told = screen.windows.programs.parent / "told.txt"
    until(lambda: told.exists() and told.read_text().endswith("\n"), "the program to start")
    assert told.read_text().split() == ["athanor-desktop.exe"]
    assert screen.windows.log == ["Athanor 0.1.0 was installed"]


def test_the_program_does_not_start_where_its_box_is_cleared(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    setup = screen.windows.started(installers[0])
    for page, key in (("Welcome", "n"), ("License", "a"), ("Destination", "i")):
        screen.shown(page)
        screen.press(f"alt+{key}")
    screen.shown("Completing Athanor")
    screen.press("alt+s")
    until(lambda: not one(screen.shown("&Start"), "&Start").is_set, "the box to be cleared")
    screen.press("alt+f")

    assert setup.wait(WAIT_SECONDS) == 0
    assert not (screen.windows.programs.parent / "told.txt").exists()


def test_without_a_tick_the_uninstaller_leaves_settings_and_models(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    model = screen.windows.use()

    begin_to_uninstall(screen)
    page = screen.shown(BOX)
    assert not one(page, BOX).is_set
    assert "(less than 1 MB)" in one(page, BOX).text
    assert one(page, "&Uninstall").is_set, "Enter leaves them"
    finish(screen)

    assert [path.name for path in screen.windows.data.iterdir()] == ["models"]
    assert model.read_text() == "made"


def test_with_a_tick_settings_and_models_go_and_their_size_was_said(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    model = screen.windows.use()
    # Files without content, of more than two and four gigabytes: each is a limit of some number.
    for file, size in ((model, 3 << 30), (model.with_name("larger.gguf"), 5 << 30)):
        file.touch()
        os.truncate(file, size)

    begin_to_uninstall(screen)
    assert "(8.0 GB)" in one(screen.shown(BOX), BOX).text
    screen.keep_picture("uninstall-2-box")
    screen.press("alt+d")
    until(lambda: one(screen.shown(BOX), BOX).is_set, "the box to be ticked")
    screen.keep_picture("uninstall-3-ticked")
    finish(screen)

    assert not screen.windows.data.exists()


def test_a_tick_that_was_taken_back_deletes_nothing(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    model = screen.windows.use()
    model.write_bytes(bytes(5 << 20))
    # It goes in any case, and so is no part of what the box is about.
    (screen.windows.data / "runtimes/large.dll").write_bytes(bytes(9 << 20))

    begin_to_uninstall(screen)
    assert "(5 MB)" in one(screen.shown(BOX), BOX).text
    screen.press("alt+d")
    until(lambda: one(screen.shown(BOX), BOX).is_set, "the box to be ticked")
    screen.press("space")
    until(lambda: not one(screen.shown(BOX), BOX).is_set, "the box to be cleared")
    finish(screen)

    assert model.exists()


def test_the_uninstaller_asks_nothing_where_there_is_nothing_of_the_users(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    (screen.windows.data / "run").mkdir()

    begin_to_uninstall(screen)
    screen.shown("Uninstallation Complete")
    screen.press("alt+c")

    until(lambda: not screen.windows.data.exists(), "the data folder, which was empty, to go")


def test_the_tab_key_goes_from_the_box_to_the_buttons(
    screen: Screen, installers: tuple[Path, Path]
) -> None:
    screen.windows.run(installers[0], "/S")
    screen.windows.use()
    begin_to_uninstall(screen)
    assert one(screen.shown(BOX), "&Uninstall").has_focus

    for words in ("Cancel", BOX, "< &Back", "&Uninstall"):
        screen.press("Tab")
        wait_for_focus(screen, words)
