"""Other apps: where Hugging Face, llama.cpp, LM Studio and Ollama keep models, on each system.

One function of the system, the environment and the home folder; the few settings files that move
a folder are read through `read`. No folder is looked at here: which of them exist is seen when they
are listed.

Sources: huggingface_hub/constants.py; llama.cpp common/common.cpp and common/hf-cache.cpp; LM
Studio's lms (lmstudioPaths) and its settings.json; Ollama docs/faq and its packages' service files.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Final, Literal, NamedTuple

import msgspec

from app.core.models.apps import App
from app.server.models.found import Layout

System = Literal["linux", "macos", "windows"]

Read = Callable[[PurePath], str]
"""The text of a small file; "" where there is none or it may not be read."""

_OLLAMA_SERVICE: Final = (
    "/etc/systemd/system/ollama.service.d/override.conf",
    "/etc/systemd/system/ollama.service",
)
_OLLAMA_SYSTEM: Final = (
    "/usr/share/ollama/.ollama/models",  # its own installer
    "/var/lib/ollama/.ollama/models",
    "/var/lib/ollama/models",  # NixOS
    "/var/lib/ollama",  # Arch
    "/var/snap/ollama/common/models",
)
"""Where the service of the system keeps models: it runs as a user of its own."""

_OLLAMA_VARIABLE: Final = re.compile(
    r"""^\s*Environment\s*=.*?OLLAMA_MODELS=(?P<path>[^"'\s]+|(?<=")[^"]+)""", re.MULTILINE
)


class AppPlace(NamedTuple):
    """A folder of another program, whether it exists or not."""

    app: App
    layout: Layout
    path: PurePath


def _read_nothing(_: PurePath) -> str:
    return ""


def places_of_apps(
    system: System, environment: Mapping[str, str], home: PurePath, read: Read = _read_nothing
) -> tuple[AppPlace, ...]:
    """The folders of each program, the likeliest first, none of them twice.

    `home` is a path of that system; variables of Windows are asked for in upper case.
    """
    machine = _Machine(system, environment, home, read)
    found = (
        *(AppPlace("hugging-face", "hub", path) for path in _hugging_face(machine)),
        *(AppPlace("llama.cpp", "llama.cpp", path) for path in _llama_cpp(machine)),
        *(AppPlace("lm-studio", "folder", path) for path in _lm_studio(machine)),
        *(AppPlace("ollama", "ollama", path) for path in _ollama(machine)),
    )
    first: dict[PurePath, AppPlace] = {}
    for place in found:
        first.setdefault(place.path, place)
    return tuple(first.values())


class _Machine(NamedTuple):
    system: System
    environment: Mapping[str, str]
    home: PurePath
    read: Read

    def variable(self, name: str) -> PurePath | None:
        """The path that a variable names; None where it is unset, empty or no whole path."""
        return self.path(self.environment.get(name, ""))

    def path(self, text: str) -> PurePath | None:
        """The absolute path that a text means, `~` being the home folder."""
        text = text.strip().strip("\"'")
        if text == "~" or text.startswith(("~/", "~\\")):
            return self.home / text[2:]
        made = PureWindowsPath(text) if self.system == "windows" else PurePosixPath(text)
        return made if made.is_absolute() else None

    @property
    def cache(self) -> PurePath:
        """Where programs that follow the XDG rules keep caches; some do so on every system."""
        return self.variable("XDG_CACHE_HOME") or self.home / ".cache"


def _hugging_face(machine: _Machine) -> Iterator[PurePath]:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if path := machine.variable(name):
            yield path
            return
    home = machine.variable("HF_HOME") or machine.cache / "huggingface"
    yield home / "hub"


def _llama_cpp(machine: _Machine) -> Iterator[PurePath]:
    if path := machine.variable("LLAMA_CACHE"):
        yield path
        return
    match machine.system:
        case "linux":
            yield machine.cache / "llama.cpp"
        case "macos":
            yield machine.home / "Library" / "Caches" / "llama.cpp"
        case "windows":
            yield _local(machine) / "llama.cpp"


def _local(machine: _Machine) -> PurePath:
    return machine.variable("LOCALAPPDATA") or machine.home / "AppData" / "Local"


class _LmStudioSettings(msgspec.Struct, frozen=True, rename={"folder": "downloadsFolder"}):
    folder: str = ""


def _lm_studio(machine: _Machine) -> Iterator[PurePath]:
    """The folder that its settings name, and those of its homes, which moved over the years."""
    pointer = machine.read(machine.home / ".lmstudio-home-pointer").partition("\n")[0]
    homes = [
        path
        for path in (
            machine.path(pointer),
            machine.home / ".lmstudio",
            machine.home / ".cache" / "lm-studio",
        )
        if path
    ]
    for home in (*homes, _electron(machine) / "LM Studio"):
        if text := machine.read(home / "settings.json"):
            try:
                named = msgspec.json.decode(text, type=_LmStudioSettings).folder
            except msgspec.DecodeError:
                continue
            if path := machine.path(named):
                yield path
    for home in homes:
        yield home / "models"


def _electron(machine: _Machine) -> PurePath:
    """Where programs on Electron keep their settings."""
    match machine.system:
        case "linux":
            return machine.variable("XDG_CONFIG_HOME") or machine.home / ".config"
        case "macos":
            return machine.home / "Library" / "Application Support"
        case "windows":
            return machine.variable("APPDATA") or machine.home / "AppData" / "Roaming"


def _ollama(machine: _Machine) -> Iterator[PurePath]:
    yield machine.variable("OLLAMA_MODELS") or machine.home / ".ollama" / "models"
    if machine.system == "linux":
        for file in _OLLAMA_SERVICE:
            for match in _OLLAMA_VARIABLE.finditer(machine.read(PurePosixPath(file))):
                if path := machine.path(match["path"]):
                    yield path
        for folder in _OLLAMA_SYSTEM:
            yield PurePosixPath(folder)
