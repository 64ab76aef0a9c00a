"""Entry: what makes a system start Athanor when its user logs in. Pure.

Each system reads something else: a value of the registry, a property list of launchd, a desktop
file of XDG. All of them start `athanor tray --background`, which shows the icon and starts the
server; none needs rights that the user has not.
"""

import plistlib
import subprocess
from pathlib import PurePath
from typing import Final, Literal, final
from xml.parsers import expat

import msgspec

System = Literal["windows", "macos", "linux"]

RUN_NAME: Final = "Athanor"
LABEL: Final = "athanor.tray"
_DESKTOP_RESERVED: Final = frozenset(" \t\n\"'\\><~|&;$*?#()`")
"""What must not stand unquoted in Exec, by the Desktop Entry Specification."""


@final
class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How this very program is started again: frozen, installed or from source."""

    command: tuple[str, ...]
    folder: str = ""
    """The working folder; "" where it does not matter."""


@final
class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file of this name in the system's folder for such files."""

    name: str
    content: bytes


@final
class RunValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value under HKEY_CURRENT_USER, Software, Microsoft, Windows, CurrentVersion, Run."""

    name: str
    command_line: str


Entry = FileEntry | RunValue


def launch_of(
    executable: str, *, is_frozen: bool, system: System, source: str, home: str
) -> Launch:
    """`source` is the folder that holds the package; `home` is ATHANOR_HOME, "" where it is not
    set: a login knows nothing of the terminal's environment, so it travels as a flag.
    """
    words = ("tray", "--background", *([f"--home={home}"] if home else []))
    return program_of(executable, words, is_frozen=is_frozen, system=system, source=source)


def program_of(
    executable: str, words: tuple[str, ...], *, is_frozen: bool, system: System, source: str
) -> Launch:
    """How the system starts this program with these words, without a console."""
    if is_frozen and system == "windows":
        # A bundle has two executables there (build.spec), and one of them has no console.
        windowless = str(PurePath(executable).with_name("athanor-desktop.exe"))
        return Launch(command=(windowless, *words))
    if is_frozen:
        return Launch(command=(executable, *words))
    if system == "windows":
        # pythonw has no console. -P: the folder that a login starts in is not searched.
        windowless = str(PurePath(executable).with_name("pythonw.exe")) if executable else ""
        return Launch(command=(windowless, "-P", "-m", "app", *words))
    return Launch(command=(executable, "-m", "app", *words), folder=source)


def entry_of(system: System, launch: Launch) -> Entry:
    """What has to be where, for this system to start it at every login."""
    match system:
        case "windows":
            return RunValue(name=RUN_NAME, command_line=subprocess.list2cmdline(launch.command))
        case "macos":
            return FileEntry(name=f"{LABEL}.plist", content=_property_list(launch))
        case "linux":
            return FileEntry(name="athanor.desktop", content=_desktop_file(launch).encode())


def is_desktop_file_on(text: str) -> bool:
    """Whether a desktop file starts its program: settings of desktops switch it off in place."""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        match key.strip(), value.strip().lower():
            case ("Hidden", "true") | ("X-GNOME-Autostart-enabled", "false"):
                return False
            case _:
                pass
    return True


def is_property_list_on(content: bytes) -> bool:
    """Whether launchd runs the agent at login; one that cannot be read it does not run."""
    try:
        agent: object = plistlib.loads(content)
    except (plistlib.InvalidFileException, expat.ExpatError, ValueError, OverflowError):
        return False
    return isinstance(agent, dict) and bool(agent.get("RunAtLoad")) and not agent.get("Disabled")


def _property_list(launch: Launch) -> bytes:
    agent: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": list(launch.command),
        "RunAtLoad": True,
        # Only where there is a desktop, not for a login over ssh.
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
    }
    if launch.folder:
        agent["WorkingDirectory"] = launch.folder
    return plistlib.dumps(agent)


def _desktop_file(launch: Launch) -> str:
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Name=Athanor",
        "Comment=Your GPU as a private server for language models",
        tried(launch),
        f"Exec={' '.join(desktop_word(word) for word in launch.command)}",
        "Terminal=false",
        "X-GNOME-Autostart-enabled=true",
    ]
    if launch.folder:
        lines.insert(6, f"Path={desktop_text(launch.folder)}")
    return "\n".join(lines) + "\n"


def tried(launch: Launch) -> str:
    """The line by which a desktop ignores the file once the program is gone.

    A package is taken away without a look into anybody's home, where such a file stays.
    """
    return f"TryExec={desktop_text(launch.command[0])}"


def desktop_word(word: str) -> str:
    """One word of Exec: quoted where it must be, then escaped as every text of such a file."""
    shown = word.replace("%", "%%")
    if not shown or _DESKTOP_RESERVED & set(shown):
        for letter in '\\"`$':
            shown = shown.replace(letter, f"\\{letter}")
        shown = f'"{shown}"'
    return desktop_text(shown)


def desktop_text(text: str) -> str:
    """A text of a desktop file, escaped."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
