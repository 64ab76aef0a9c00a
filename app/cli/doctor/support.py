"""Support: the file that `athanor doctor --bundle` makes for whoever helps.

It is made of named documents, each of what is known to be harmless; nothing is copied whole. What
is never in it: prompts and answers (they are nowhere), keys, tokens, invites, addresses, and names
of people, machines, accounts, pools, models and folders.
"""

import contextlib
import platform
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from app import __version__
from app.cli.doctor.blanking import Blanking
from app.cli.doctor.engine import list_devices
from app.cli.doctor.finding import Finding
from app.cli.doctor.vocabulary import vocabulary
from app.cli.purge.parts import parts_of
from app.client.client import Client
from app.core.base.errors import AthanorError
from app.server.hardware.machine import look_at_machine
from app.server.storage.data_folder import FORMAT_FILE
from app.settings.autostart.autostart import Switch
from app.settings.fields import FIELDS
from app.settings.links.links import LinkSwitch
from app.settings.live import value_of
from app.settings.load import DEFAULT_ORIGIN, Loaded
from app.settings.paths import Paths
from app.wire.local import NodePicture

_LOG_BYTES: Final = 512 * 1024
"""Of the end of each log."""
_READ_ME: Final = """\
This file was made by `athanor doctor --bundle` to be sent to somebody who helps. It holds:

  about.json     version, system and hardware
  doctor.txt     what the doctor found
  settings.json  which settings differ from their defaults; texts are left out
  state.json     devices, engines and notices of the running server, if there is one
  files.json     how much there is of what
  logs/          the ends of the logs

It holds no prompts and no answers: Athanor writes them nowhere. Names of models, folders, people,
machines, accounts and pools, addresses and keys are replaced by marks such as <1>; the same name
has the same mark throughout. What your hardware is called stays. Every file is plain text: look
through it before you send it.
"""


def write_support_file(
    target: Path, paths: Paths, loaded: Loaded, findings: Sequence[Finding]
) -> int:
    """The size of the file that was made, which only this user can read. Raises: OSError."""
    beside = target.with_name(f".{target.name}.new")
    try:
        beside.touch(mode=0o600)
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in documents(paths, loaded, findings):
                packed.writestr(name, content)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target.stat().st_size


def documents(
    paths: Paths, loaded: Loaded, findings: Sequence[Finding]
) -> Iterator[tuple[str, bytes]]:
    """Each document with its name in the file."""
    picture = _picture(paths)
    blanking = Blanking(vocabulary(), _hardware(picture))
    yield "README.txt", _READ_ME.encode()
    yield "about.json", _json(_about())
    yield "doctor.txt", _doctor(findings, blanking).encode()
    yield "settings.json", _json(_settings(loaded))
    if picture is not None:
        yield "state.json", _json(_state(picture, blanking))
    yield "files.json", _json(_files(paths))
    for file in (paths.log_file, paths.tray_log_file, paths.pool_log_file):
        if lines := _end_of(file):
            yield f"logs/{file.name}", "".join(f"{blanking.line(x)}\n" for x in lines).encode()


def _about() -> Mapping[str, object]:
    machine = look_at_machine()
    return {
        "athanor": __version__,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "is_bundle": bool(getattr(sys, "frozen", False)),
        "python": platform.python_version(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cores": machine.cores,
        "memory_bytes": machine.memory_bytes,
    }


def _doctor(findings: Sequence[Finding], blanking: Blanking) -> str:
    lines = []
    for each in findings:
        lines.append(f"{each.verdict:8}{each.about:10} {blanking.text(each.message)}\n")
        if each.remedy:
            lines.append(f"{'':18} {blanking.text(each.remedy)}\n")
    return "".join(lines)


def _hardware(picture: NodePicture | None) -> Iterator[str]:
    """What drivers call the devices: no secret, and the first thing that a helper asks."""
    yield platform.machine()
    if picture is not None and picture.devices:
        yield from (device.description for device in picture.devices)
        return
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        yield from (device.description for device in list_devices())


def _settings(loaded: Loaded) -> Mapping[str, object]:
    """Those that were set. A number, a switch and a word of a choice tell nothing of a person."""
    told: dict[str, object] = {}
    for path, field in FIELDS.items():
        origin = loaded.origins.get(path, DEFAULT_ORIGIN)
        if origin == DEFAULT_ORIGIN:
            continue
        value = value_of(loaded.settings, path)
        if isinstance(value, tuple):
            shown: object = f"a list of {len(value)}"
        elif isinstance(value, str) and not field.words:
            shown = f"a text of {len(value)} characters"
        else:
            shown = value
        # "environment variable X", "flag X", or a file and its line: the first word says which.
        place = origin.partition(" ")[0]
        told[path] = {"from": place if place in {"environment", "flag"} else "file", "is": shown}
    return told


def _picture(paths: Paths) -> NodePicture | None:
    try:
        with Client.find(paths) as client:
            return client.state()
    except AthanorError:
        return None


def _state(picture: NodePicture, blanking: Blanking) -> Mapping[str, object]:
    return {
        "status": picture.status,
        "mood": picture.mood,
        "started_at": picture.started_at,
        "models": picture.models,
        "engines": [
            {"model": blanking.mark(each.model), "status": each.status} for each in picture.engines
        ],
        "devices": [
            {
                "kind": each.kind,
                "description": each.description,
                "memory_total": each.memory_total_bytes,
                "memory_free": each.memory_free_bytes,
            }
            for each in picture.devices
        ],
        "notices": [
            {"severity": each.severity, "message": blanking.text(each.message)}
            for each in picture.notices
        ],
        "downloads": [each.status for each in picture.downloads],
        "is_member_of_a_pool": picture.pool is not None,
    }


def _files(paths: Paths) -> Mapping[str, object]:
    parts = parts_of(paths, Switch.of_this(), LinkSwitch.of_this())
    form = paths.data / FORMAT_FILE
    return {
        "parts": {part.name: {"bytes": part.bytes, "files": part.files} for part in parts},
        "has_format_number": form.is_file(),
    }


def _end_of(file: Path) -> list[str]:
    """The last lines; the first of them is left out where it was cut."""
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - _LOG_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[1:] if size > _LOG_BYTES else lines


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
