"""Autostart: whether Athanor starts with the computer, for this user. Off until asked for.

The entries are described in entry.py; here they are written, read and taken away. Writing is
idempotent, and nothing is left behind when it is switched off.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, final

import msgspec

import app
from app.settings.autostart.entry import (
    FileEntry,
    Launch,
    RunValue,
    System,
    entry_of,
    is_desktop_file_on,
    is_property_list_on,
    launch_of,
)
from app.settings.autostart.run_values import RUN_KEY, Registry, RunValues
from app.settings.paths import HOME_VARIABLE, spelled_out
from app.settings.program import Program

_SYSTEMS: Final[dict[str, System]] = {"win32": "windows", "darwin": "macos"}


@final
class Autostart(msgspec.Struct, frozen=True, kw_only=True):
    """The switch as it stands."""

    is_on: bool
    where: str
    """The file, or the value of the registry, that makes the system start it."""
    command: str
    """What is started."""


@final
class Switch:
    """The entry of one user on one system. `folder` has no meaning on Windows."""

    def __init__(self, system: System, folder: Path, launch: Launch, registry: Registry) -> None:
        self._system = system
        self._folder = folder
        self._command = launch.command
        self._entry = entry_of(system, launch)
        self._registry = registry

    @classmethod
    def of_this(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The switch for this user and this very program."""
        # Every other Unix has XDG's folders too.
        system = _SYSTEMS.get(sys.platform, "linux")
        home = environment.get(HOME_VARIABLE, "")
        launch = launch_of(
            str(Program.of_this(environment).lasting),
            is_frozen=bool(getattr(sys, "frozen", False)),
            system=system,
            source=str(Path(app.__file__).resolve().parent.parent),
            home=str(spelled_out(home).absolute()) if home else "",
        )
        return cls(system, folder_of(system, environment), launch, RunValues())

    def state(self) -> Autostart:
        """As it stands now, whoever changed it."""
        match self._entry:
            case RunValue(name=name, command_line=command_line):
                where = rf"HKEY_CURRENT_USER\{RUN_KEY}\{name}"
                is_on = self._registry.is_on(name)
                return Autostart(is_on=is_on, where=where, command=command_line)
            case FileEntry(name=name):
                file = self._folder / name
                command = shlex.join(self._command)
                return Autostart(is_on=self._is_file_on(file), where=str(file), command=command)

    @property
    def is_there(self) -> bool:
        """Whether there is an entry, also one that the desktop's own settings switched off."""
        match self._entry:
            case RunValue(name=name):
                return self._registry.has(name)
            case FileEntry(name=name):
                return (self._folder / name).is_file()

    def turn_on(self) -> None:
        """Start with the computer from the next login on. Raises: OSError."""
        match self._entry:
            case RunValue(name=name, command_line=command_line):
                self._registry.put(name, command_line)
            case FileEntry(name=name, content=content):
                self._folder.mkdir(parents=True, exist_ok=True)
                # Whole or not at all: a desktop may read it at this moment.
                beside = self._folder / f".{name}.new"
                beside.write_bytes(content)
                beside.replace(self._folder / name)

    def turn_off(self) -> None:
        """Start with the computer no more, and leave nothing of ours. Raises: OSError."""
        match self._entry:
            case RunValue(name=name):
                self._registry.remove(name)
            case FileEntry(name=name):
                (self._folder / name).unlink(missing_ok=True)

    def turn(self, *, on: bool) -> Autostart:
        """The switch after it was turned. Raises: OSError."""
        if on:
            self.turn_on()
        else:
            self.turn_off()
        return self.state()

    def _is_file_on(self, file: Path) -> bool:
        try:
            content = file.read_bytes()
        except OSError:
            return False
        if self._system == "macos":
            return is_property_list_on(content)
        return is_desktop_file_on(content.decode(errors="replace"))


def folder_of(system: System, environment: Mapping[str, str]) -> Path:
    """Where the system looks for such files."""
    home = Path(environment.get("HOME") or Path.home())
    if system == "macos":
        return home / "Library" / "LaunchAgents"
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "autostart"
