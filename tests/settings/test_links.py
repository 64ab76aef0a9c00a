"""Laws of links of our own kind: off until asked for, undone without a trace, on three systems."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import AthanorError
from app.settings.autostart.entry import Launch, System
from app.settings.links.entry import (
    CLASS_KEY,
    COMMAND_KEY,
    DESKTOP_NAME,
    MIME_TYPE,
    desktop_file,
    has_default,
    with_default,
    without_default,
)
from app.settings.links.links import LinkSwitch
from tests.server.hardware.surroundings.desktops import needs

LAUNCH = Launch(command=("/opt/my programs/athanor", "open", "--"))
LINES = st.lists(
    st.sampled_from(
        [
            *("[Default Applications]", "[Added Associations]", "", "# mine"),
            *("text/html=firefox.desktop", f"{MIME_TYPE}=other.desktop", "x-scheme-handler/a=b"),
        ]
    ),
    max_size=12,
)


class Classes:
    """The registry's classes, in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    def get(self, key: str, name: str) -> str | None:
        return self.values.get((key, name))

    def put(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def remove(self, key: str) -> None:
        self.values = {at: value for at, value in self.values.items() if not at[0].startswith(key)}


def switch(system: System, home: Path, classes: Classes | None = None) -> LinkSwitch:
    return LinkSwitch(
        system,
        LAUNCH,
        data=home / "share",
        config=home / "config",
        classes=classes or Classes(),
    )


def files_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_it_is_off_until_asked_for_and_off_leaves_nothing(system: System, tmp_path: Path) -> None:
    classes = Classes()
    turned = switch(system, tmp_path, classes)

    states = [turned.state().is_on, turned.turn(on=True).is_on, turned.turn(on=False).is_on]

    assert states == [False, True, False]
    assert files_in(tmp_path) == []
    assert not classes.values


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_turning_twice_is_turning_once(system: System, tmp_path: Path) -> None:
    turned = switch(system, tmp_path)

    assert turned.turn(on=True) == turned.turn(on=True)
    assert turned.turn(on=False) == turned.turn(on=False)


def test_windows_runs_us_with_the_link_behind_dashes_and_in_quotation_marks(
    tmp_path: Path,
) -> None:
    classes = Classes()

    switch("windows", tmp_path, classes).turn(on=True)

    assert classes.values == {
        (CLASS_KEY, ""): "URL:Athanor",
        (CLASS_KEY, "URL Protocol"): "",
        (COMMAND_KEY, ""): '"/opt/my programs/athanor" open -- "%1"',
    }


def test_on_windows_the_links_of_another_program_are_not_ours(tmp_path: Path) -> None:
    classes = Classes()
    classes.put(COMMAND_KEY, "", "other.exe %1")

    assert not switch("windows", tmp_path, classes).state().is_on


def test_on_macos_the_bundle_says_it_and_nothing_is_written(tmp_path: Path) -> None:
    turned = switch("macos", tmp_path)

    with pytest.raises(AthanorError, match="the app itself"):
        turned.turn(on=True)

    assert not turned.state().is_on
    assert files_in(tmp_path) == []


def test_the_desktop_file_names_the_kind_of_link_and_takes_one() -> None:
    parser = configparser.RawConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(desktop_file(LAUNCH))

    entry = parser["Desktop Entry"]
    assert entry["Exec"] == '"/opt/my programs/athanor" open -- %u'
    assert entry["MimeType"] == f"{MIME_TYPE};"
    assert entry["NoDisplay"] == "true"


def test_a_package_that_registered_links_for_everybody_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "usr" / "applications" / DESKTOP_NAME
    package.parent.mkdir(parents=True)
    package.write_text(desktop_file(LAUNCH))
    home = tmp_path / "home"
    turned = LinkSwitch(
        "linux",
        LAUNCH,
        data=home / "share",
        config=home / "config",
        classes=Classes(),
        installed=[tmp_path / "usr"],
    )

    assert turned.state().where == str(package)
    assert turned.turn(on=True).where == str(home / "share" / "applications" / DESKTOP_NAME)
    assert turned.turn(on=False).where == str(package)


@given(LINES)
def test_what_others_wrote_into_the_list_of_defaults_stays(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)

    on = with_default(text)
    off = without_default(on)

    assert has_default(on)
    assert not has_default(off)
    meant = [line for line in lines if line and line != "[Default Applications]"]
    assert [line for line in off.splitlines() if line and line[1:] != "Default Applications]"] == (
        meant
    )
    assert with_default(on) == on


@needs("gio")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own list")
def test_a_desktop_offers_us_no_more_once_the_program_is_gone(tmp_path: Path) -> None:
    program = tmp_path / "my programs" / "athanor"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    LinkSwitch(
        "linux",
        Launch(command=(str(program), "open", "--")),
        data=tmp_path / "share",
        config=tmp_path / "config",
        classes=Classes(),
    ).turn(on=True)

    offered = [_offered(tmp_path)]
    program.unlink()
    offered.append(_offered(tmp_path))

    assert [DESKTOP_NAME in told for told in offered] == [True, False]


def _offered(home: Path) -> str:
    """What GLib, which most desktops ask, says of who opens our links."""
    return subprocess.run(
        ["gio", "mime", MIME_TYPE],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "share"),
            "XDG_DATA_DIRS": str(home / "nothing"),
            "XDG_CONFIG_HOME": str(home / "config"),
        },
    ).stdout


@needs("xdg-mime")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own list")
def test_the_system_finds_us_by_the_kind_of_link(tmp_path: Path) -> None:
    switch("linux", tmp_path).turn(on=True)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "share"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CURRENT_DESKTOP": "XFCE",
    }

    found = subprocess.run(
        ["xdg-mime", "query", "default", MIME_TYPE],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert found.stdout.strip() == DESKTOP_NAME
