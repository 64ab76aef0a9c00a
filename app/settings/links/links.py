"""Links: whether this program opens `athanor://` links, for this user. Off until asked for.

An installer registers them for everybody; this is for a program that was only unpacked, and for
whoever wants it otherwise. Writing is idempotent, and nothing is left behind when it is undone.

What is for Windows and macOS was not yet run on either: the machines of this project's tests are
Linux, where a dict stands for the registry.
"""

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, Self, final

import msgspec

import app
from app.core.base.errors import AthanorError
from app.settings.autostart.entry import Launch, System, program_of
from app.settings.links.entry import (
    CLASS_KEY,
    COMMAND_KEY,
    DESKTOP_NAME,
    desktop_file,
    has_default,
    registration,
    with_default,
    without_default,
)
from app.settings.paths import HOME_VARIABLE, spelled_out
from app.settings.program import Program

_SYSTEMS: Final[dict[str, System]] = {"win32": "windows", "darwin": "macos"}


class Classes(Protocol):
    """The user's own classes in the registry; the tests' one is a dict."""

    def get(self, key: str, name: str) -> str | None:
        """A value, None where there is none."""

    def put(self, key: str, name: str, value: str) -> None:
        """Write it, and its key where that is missing. Raises: OSError."""

    def remove(self, key: str) -> None:
        """Delete the key and all below it. Raises: OSError."""


@final
class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands."""

    is_on: bool
    where: str
    """The file, or the key of the registry, that says it."""
    command: str
    """What opens a link."""


@final
class LinkSwitch:
    """The registration of one user on one system. `data` and `config` have meaning on Linux.

    `installed`: folders in which a package may have registered links for every user.
    """

    def __init__(
        self,
        system: System,
        launch: Launch,
        *,
        data: Path,
        config: Path,
        classes: Classes,
        installed: Sequence[Path] = (),
    ) -> None:
        self._system = system
        self._launch = launch
        self._file = data / "applications" / DESKTOP_NAME
        self._defaults = config / "mimeapps.list"
        self._classes = classes
        self._installed = [each / "applications" / DESKTOP_NAME for each in installed]

    @classmethod
    def of_this(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The switch for this user and this very program."""
        system = _SYSTEMS.get(sys.platform, "linux")
        own_home = environment.get(HOME_VARIABLE, "")
        launch = program_of(
            str(Program.of_this(environment).lasting),
            _words(own_home),
            is_frozen=bool(getattr(sys, "frozen", False)),
            system=system,
            source=str(Path(app.__file__).resolve().parent.parent),
        )
        home = Path(environment.get("HOME") or Path.home())
        return cls(
            system,
            launch,
            data=Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share"),
            config=Path(environment.get("XDG_CONFIG_HOME") or home / ".config"),
            classes=UserClasses(),
            installed=[Path(each) for each in _data_folders(environment)],
        )

    @property
    def own(self) -> str:
        """What is there of this user's registration, also where another program is preferred now:
        the file, or the key of the registry; "" where there is none."""
        match self._system:
            case "linux":
                return str(self._file) if self._file.is_file() else ""
            case "windows":
                state = self.state()
                return state.where if state.is_on else ""
            case "macos":
                return ""

    def state(self) -> LinkState:
        """As it stands now, whoever changed it."""
        command = shlex.join(self._launch.command)
        match self._system:
            case "linux":
                is_on = self._file.is_file() and has_default(_text(self._defaults))
                package = next((file for file in self._installed if file.is_file()), None)
                if package is not None and not is_on:
                    return LinkState(is_on=True, where=str(package), command="athanor open --")
                return LinkState(is_on=is_on, where=str(self._file), command=command)
            case "windows":
                wanted = dict(
                    ((key, name), value) for key, name, value in registration(self._launch).values
                )
                found = self._classes.get(COMMAND_KEY, "")
                is_on = found is not None and found == wanted[COMMAND_KEY, ""]
                where = rf"HKEY_CURRENT_USER\{CLASS_KEY}"
                return LinkState(is_on=is_on, where=where, command=found or command)
            case "macos":
                is_bundled = ".app/Contents/" in self._launch.command[0]
                return LinkState(is_on=is_bundled, where="Info.plist of the app", command=command)

    def turn(self, *, on: bool) -> LinkState:
        """The switch after it was turned. Raises: OSError; AthanorError on macOS."""
        match self._system:
            case "linux":
                self._turn_files(on=on)
            case "windows":
                if on:
                    for key, name, value in registration(self._launch).values:
                        self._classes.put(key, name, value)
                else:
                    self._classes.remove(CLASS_KEY)
            case "macos":
                raise AthanorError(
                    "on macOS the app itself says which links it opens",
                    remedy="Put Athanor.app into Applications; taking it away ends it.",
                )
        return self.state()

    def _turn_files(self, *, on: bool) -> None:
        if on:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            _write(self._file, desktop_file(self._launch))
            self._defaults.parent.mkdir(parents=True, exist_ok=True)
            _write(self._defaults, with_default(_text(self._defaults)))
            return
        self._file.unlink(missing_ok=True)
        text = _text(self._defaults)
        if (left := without_default(text)) != text:
            if left:
                _write(self._defaults, left)
            else:
                self._defaults.unlink()


@final
class UserClasses:
    """The registry of this user."""

    def get(self, key: str, name: str) -> str | None:
        """See Classes."""
        if sys.platform == "win32":
            import winreg  # noqa: PLC0415  # on Windows alone

            with (
                contextlib.suppress(FileNotFoundError),
                winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened,
            ):
                return str(winreg.QueryValueEx(opened, name)[0])
        return None

    def put(self, key: str, name: str, value: str) -> None:
        """See Classes."""
        if sys.platform == "win32":
            import winreg  # noqa: PLC0415  # on Windows alone

            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

    def remove(self, key: str) -> None:
        """See Classes."""
        if sys.platform == "win32":
            import winreg  # noqa: PLC0415  # on Windows alone

            # Windows deletes no key that has others below it.
            for below in (rf"{key}\shell\open\command", rf"{key}\shell\open", rf"{key}\shell", key):
                with contextlib.suppress(FileNotFoundError):
                    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, below)


def _words(home: str) -> tuple[str, ...]:
    """What follows the program, before the link."""
    kept = (f"--home={spelled_out(home).absolute()}",) if home else ()
    # A link is a stranger's text: behind these dashes it is never read as a flag, nor is what it
    # smuggles behind a quotation mark on Windows.
    return ("open", *kept, "--")


def _data_folders(environment: Mapping[str, str]) -> list[str]:
    """Where packages put their desktop files, by XDG."""
    named = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [each for each in named.split(":") if each] if sys.platform == "linux" else []


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _write(file: Path, text: str) -> None:
    """Whole or not at all: a desktop may read it at this moment."""
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text, encoding="utf-8", errors="surrogateescape")
    beside.replace(file)
