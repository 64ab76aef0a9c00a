"""What Athanor stands on: program, settings, folders, disk, memory."""

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app import __version__
from app.cli.doctor.finding import Finding, Findings, Verdict
from app.core.base.errors import SettingsInvalid
from app.core.state.view import size
from app.server.hardware.machine import look_at_machine, memory_available
from app.server.storage.data_folder import DataUnusable, check_form
from app.settings.load import DEFAULT_ORIGIN, load_settings
from app.settings.paths import Paths, spelled_out
from app.settings.schema import Settings
from app.settings.shapes import GIB

_DISK_LITTLE: Final = 10 * GIB
"""A model of eight billion parameters takes about five."""
_DISK_NONE: Final = GIB // 2
_MEMORY_LITTLE: Final = 2 * GIB


def check_program() -> Findings:
    """Which program this is, on what."""
    machine = look_at_machine()
    yield Finding(
        about="program",
        verdict="ok",
        message=f"Athanor {__version__} on Python {platform.python_version()} "
        f"({sys.executable}), {platform.system()} {platform.machine()}, {machine.cores} cores",
    )
    available = memory_available()
    is_little = available < _MEMORY_LITTLE
    yield Finding(
        about="memory",
        verdict="warning" if is_little else "ok",
        message=f"{size(available)} of {size(machine.memory_bytes)} RAM are available",
        remedy="Close other programs before you load a model." if is_little else "",
    )


def check_settings(paths: Paths, environment: Mapping[str, str]) -> Findings:
    """Whether the settings can be read, and how many differ from their defaults."""
    try:
        loaded = load_settings(paths.config_file, environment, {})
    except SettingsInvalid as error:
        for line in error.message.splitlines():
            yield Finding(about="settings", verdict="wrong", message=line, remedy=error.remedy)
        return
    changed = sum(origin != DEFAULT_ORIGIN for origin in loaded.origins.values())
    state = "" if paths.config_file.exists() else " (there is no such file yet)"
    yield Finding(
        about="settings",
        verdict="ok",
        message=f"{paths.config_file}{state}: {changed or 'none'} differ from the defaults",
    )


def check_folders(paths: Paths, settings: Settings) -> Findings:
    """Whether our folders can be written and have room, and the owner's model folders exist."""
    ours = {
        "data": paths.data,
        "models": paths.models,
        "cache": paths.cache,
        "logs": paths.logs,
        "runtime": paths.runtime,
    }
    for name, folder in ours.items():
        existing = _existing(folder)
        if not os.access(existing, os.W_OK | os.X_OK):
            yield Finding(
                about="folders",
                verdict="wrong",
                message=f"the {name} folder {folder} cannot be written",
                remedy=f"Give your user the right to write {existing}, or set ATHANOR_HOME to "
                "another folder.",
            )
            return
    yield Finding(about="folders", verdict="ok", message=f"{paths.data} and others can be written")
    try:
        check_form(paths.data, __version__)
    except DataUnusable as error:
        yield Finding(about="folders", verdict="wrong", message=error.message, remedy=error.remedy)
    yield _disk(paths.models)
    for text in settings.models.folders:
        if not spelled_out(text).exists():
            yield Finding(
                about="folders",
                verdict="warning",
                message=f"{text}, named by the setting models.folders, does not exist",
                remedy="Create it, connect its disk, or take it out of the setting.",
            )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    verdict: Verdict = "wrong" if free < _DISK_NONE else "warning" if free < _DISK_LITTLE else "ok"
    return Finding(
        about="disk",
        verdict=verdict,
        message=f"{size(free)} are free for models in {folder}",
        remedy=""
        if verdict == "ok"
        else "Free some room, or put models on another disk and name "
        "it in the setting models.folders.",
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
