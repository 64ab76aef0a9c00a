"""Laws of starting with the computer, on three systems, in homes of their own."""

import configparser
import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.autostart.autostart import Switch, folder_of
from app.settings.autostart.entry import Launch, RunValue, System, entry_of, launch_of
from app.settings.autostart.run_values import is_switched_off

ODD_WORDS = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=30
)  # paths with spaces, quotes, dollars, percent signs, backslashes


class Registry:
    """The registry's two keys, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.switched_off: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self.values

    def is_on(self, name: str) -> bool:
        return name in self.values and name not in self.switched_off

    def put(self, name: str, command_line: str) -> None:
        self.values[name] = command_line
        self.switched_off.discard(name)

    def remove(self, name: str) -> None:
        self.values.pop(name, None)
        self.switched_off.discard(name)


LAUNCH = Launch(command=("/opt/my programs/athanor", "tray", "--background"))


def switch(system: System, home: Path, registry: Registry | None = None) -> Switch:
    folder = folder_of(system, {"HOME": str(home)})
    return Switch(system, folder, LAUNCH, registry or Registry())


def files_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize("system", ["windows", "macos", "linux"])
def test_it_is_off_until_asked_for_and_off_leaves_nothing(system: System, tmp_path: Path) -> None:
    registry = Registry()
    turned = switch(system, tmp_path, registry)

    states = [turned.state().is_on, turned.turn(on=True).is_on, turned.turn(on=False).is_on]

    assert states == [False, True, False]
    assert files_in(tmp_path) == [] and registry.values == {}


@pytest.mark.parametrize("system", ["windows", "macos", "linux"])
def test_turning_it_twice_is_turning_it_once(system: System, tmp_path: Path) -> None:
    turned = switch(system, tmp_path)

    turned.turn_on()
    once = files_in(tmp_path)
    assert turned.turn(on=True).is_on and files_in(tmp_path) == once
    turned.turn_off()
    assert turned.turn(on=False).is_on is False


def test_linux_reads_a_desktop_file_that_starts_the_tray(tmp_path: Path) -> None:
    switch("linux", tmp_path).turn_on()

    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(tmp_path / ".config/autostart/athanor.desktop")
    entry = parser["Desktop Entry"]
    assert entry["Type"] == "Application"
    assert exec_words(entry["Exec"]) == list(LAUNCH.command)


def test_the_folder_of_desktop_files_is_xdgs(tmp_path: Path) -> None:
    folder = folder_of("linux", {"HOME": "/h", "XDG_CONFIG_HOME": str(tmp_path)})

    assert folder == tmp_path / "autostart"


def test_macos_reads_an_agent_that_runs_in_a_desktop_session(tmp_path: Path) -> None:
    switch("macos", tmp_path).turn_on()

    agent = plistlib.loads((tmp_path / "Library/LaunchAgents/athanor.tray.plist").read_bytes())
    assert agent["ProgramArguments"] == list(LAUNCH.command)
    assert agent["RunAtLoad"] is True
    assert agent["LimitLoadToSessionType"] == "Aqua"


def test_windows_gets_a_value_that_starts_the_tray_although_its_path_has_spaces(
    tmp_path: Path,
) -> None:
    registry = Registry()

    switch("windows", tmp_path, registry).turn_on()

    assert registry.values == {"Athanor": '"/opt/my programs/athanor" tray --background'}


def test_what_a_desktops_own_settings_switched_off_is_off(tmp_path: Path) -> None:
    turned = switch("linux", tmp_path)
    turned.turn_on()
    file = tmp_path / ".config/autostart/athanor.desktop"
    file.write_text(file.read_text().replace("enabled=true", "enabled=false"))

    assert turned.state().is_on is False
    assert turned.turn(on=True).is_on is True


def test_what_the_task_manager_switched_off_is_off_until_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    registry = Registry()
    turned = switch("windows", tmp_path, registry)
    turned.turn_on()
    registry.switched_off.add("Athanor")

    assert turned.state().is_on is False
    assert turned.turn(on=True).is_on is True


def test_the_task_managers_notes_are_read() -> None:
    assert is_switched_off(b"\x03\x00\x00\x00")
    assert not is_switched_off(b"\x02\x00\x00\x00")
    assert not is_switched_off(None)


def test_a_file_that_is_no_agent_starts_nothing(tmp_path: Path) -> None:
    turned = switch("macos", tmp_path)
    turned.turn_on()
    (tmp_path / "Library/LaunchAgents/athanor.tray.plist").write_bytes(b"<plist><nonsense")

    assert turned.state().is_on is False


def test_a_bundle_on_windows_is_started_by_its_program_without_a_console() -> None:
    launch = launch_of("C:/a/athanor.exe", is_frozen=True, system="windows", source="s", home="")

    assert launch.command == ("C:/a/athanor-desktop.exe", "tray", "--background")


def test_a_frozen_program_starts_itself_and_a_clone_its_python_in_its_folder() -> None:
    frozen = launch_of("/a/athanor", is_frozen=True, system="linux", source="/s", home="")
    clone = launch_of("/v/python", is_frozen=False, system="linux", source="/s", home="/h o")
    windows = launch_of("C:/v/python.exe", is_frozen=False, system="windows", source="s", home="")

    assert frozen == Launch(command=("/a/athanor", "tray", "--background"))
    assert clone.command == ("/v/python", "-m", "app", "tray", "--background", "--home=/h o")
    assert clone.folder == "/s"
    assert windows.command[0].endswith("pythonw.exe")


@given(st.lists(ODD_WORDS, min_size=1, max_size=4))
def test_every_word_of_a_desktop_files_command_comes_back_as_it_was(words: list[str]) -> None:
    entry = entry_of("linux", Launch(command=tuple(words)))

    lines = entry.content.decode().split("\n")
    line = next(line for line in lines if line.startswith("Exec="))
    assert exec_words(line.removeprefix("Exec=")) == words


@given(st.lists(ODD_WORDS, min_size=1, max_size=4), ODD_WORDS)
def test_a_desktop_file_names_the_program_without_which_it_means_nothing(
    words: list[str], folder: str
) -> None:
    entry = entry_of("linux", Launch(command=tuple(words), folder=folder))

    lines = entry.content.decode().split("\n")
    tried = [line.removeprefix("TryExec=") for line in lines if line.startswith("TryExec=")]
    # Neither quoted nor with marks as Exec has them: it is a path, escaped as every text is.
    assert [unescaped(each) for each in tried] == [words[0]]


@given(st.lists(ODD_WORDS, min_size=1, max_size=4), ODD_WORDS)
def test_every_word_of_an_agents_command_comes_back_as_it_was(
    words: list[str], folder: str
) -> None:
    agent = plistlib.loads(entry_of("macos", Launch(command=tuple(words), folder=folder)).content)

    assert (agent["ProgramArguments"], agent["WorkingDirectory"]) == (words, folder)


def test_the_run_value_is_read_back_by_windows_own_rules() -> None:
    entry = entry_of(
        "windows", Launch(command=("C:\\my programs\\a.exe", "tray", '--home=C:\\"x"'))
    )

    assert entry == RunValue(
        name="Athanor", command_line='"C:\\my programs\\a.exe" tray --home=C:\\\\\\"x\\"'
    )


@pytest.mark.skipif(sys.platform != "linux", reason="writes an entry of this system")
def test_the_command_line_turns_the_switch_in_this_users_home(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "ATHANOR_HOME": str(tmp_path)}

    def athanor(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "app", "autostart", *words],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    assert "does not start" in athanor("status")
    assert "starts when you log in" in athanor("on")
    assert (tmp_path / "autostart/athanor.desktop").exists()
    assert '"enabled": true' in athanor("status", "--json")
    assert "does not start" in athanor("off")
    assert not list((tmp_path / "autostart").iterdir())


def exec_words(value: str) -> list[str]:
    """The words of Exec, by the Desktop Entry Specification: unescape, then take off quotes."""
    text, words, word = unescaped(value), [], ""
    is_quoted = has_word = False
    letters = iter(text)
    for letter in letters:
        if is_quoted and letter == "\\":
            word += next(letters)
        elif letter == '"':
            is_quoted, has_word = not is_quoted, True
        elif letter == " " and not is_quoted:
            words.append(word)
            word, has_word = "", False
        else:
            word, has_word = word + letter, True
    assert not is_quoted
    return [each.replace("%%", "%") for each in [*words, *([word] if has_word else [])]]


def unescaped(value: str) -> str:
    text, letters = "", iter(value)
    for letter in letters:
        text += (
            {"n": "\n", "t": "\t", "s": " ", "\\": "\\"}[next(letters)]
            if letter == "\\"
            else (letter)
        )
    return text
