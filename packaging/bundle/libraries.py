"""Whose each program and library of the bundle is, and the licences of those no package brought.

build.spec asks for them between PyInstaller's analysis, which knows where each file came from, and
the collecting. A file of a wheel has the licence of the wheel, one of Python that of Python; any
other must be of a package of Debian, whose statement is copied, or be named here. One that is
neither ends the build: nothing is given on of which nobody knows under what terms.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

INDEX: Final = "libraries.txt"
_BOOTLOADER: Final = "pyinstaller"
_OURS: Final = "athanor"
_DOCUMENTS: Final = Path("/usr/share/doc")
_COMMON: Final = Path("/usr/share/common-licenses")
_REFERENCE: Final = re.compile(rf"{_COMMON}/([A-Za-z0-9.+-]*[A-Za-z0-9+])")
_STATED: Final = (
    # Windows alone has them; where they are collected from depends on what is installed.
    (re.compile(r"(vcruntime|msvcp|vcomp|concrt)140\w*\.dll", re.IGNORECASE), "microsoft-runtime"),
)
"""Libraries of no package, and the text in licences/ that covers them."""

Entry = tuple[str, str, str]
"""As PyInstaller has it: name in the bundle, where it came from, and what it is."""


class Unlicensed(Exception):
    """Files of which nobody says under which terms they are given."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files come from whose licence is known."""

    wheels: Mapping[Path, str]
    """Each installed file, resolved, and the name of its package."""
    python: Path
    """The folder of the interpreter, without a virtual environment."""
    debian: Callable[[Path], str]
    """The package of Debian that a file is of; "" for none."""

    def licence_of(self, file: Path) -> str:
        """The name of its text without ".txt"; "" where nobody knows. Debian's are "debian-..."."""
        file = file.resolve()
        if file in self.wheels:
            return self.wheels[file]
        for pattern, text in _STATED:
            if pattern.fullmatch(file.name):
                return text
        package = self.debian(file)
        if package:
            return f"debian-{package}"
        return "python" if file.is_relative_to(self.python) else ""


def drop_unused(entries: Iterable[Entry], sources: Sources, folder: Path) -> list[str]:
    """Deletes the texts of packages of which no file is among all that is collected; their names.

    The environment holds more than the bundle: what a package asks for and never imports here.
    Raises: Unlicensed, where something is collected of a package without a text.
    """
    used = {sources.wheels.get(Path(source).resolve(), "") for _, source, _ in entries if source}
    missing = [name for name in sorted(used) if name and not (folder / f"{name}.txt").is_file()]
    if missing:
        raise Unlicensed(f"there is no text of these in {folder}: {', '.join(missing)}")
    dropped = sorted({*sources.wheels.values()} - used - {_BOOTLOADER})
    for name in dropped:
        (folder / f"{name}.txt").unlink(missing_ok=True)
    return dropped


def gather(
    entries: Iterable[Entry], programs: Iterable[str], sources: Sources, folder: Path
) -> None:
    """Puts the texts of Debian's packages into the folder, and a list of whose each file is.

    `programs` are the names of the executables, which PyInstaller's bootloader begins. Raises:
    Unlicensed, which names every file and text that is missing.
    """
    whose = dict.fromkeys(programs, _BOOTLOADER)
    trouble = []
    for name, source, kind in entries:
        if kind == "SYMLINK":
            continue
        whose[name] = sources.licence_of(Path(source))
        if not whose[name]:
            trouble.append(f"{name}: nobody knows the licence of {source}")
    for text in sorted({text for text in whose.values() if text}):
        package = text.removeprefix("debian-")
        if text == package:
            if not (folder / f"{text}.txt").is_file():
                trouble.append(f"{text}: its licence is not in {folder}")
        else:
            trouble += _put_statement(package, folder)
    if trouble:
        raise Unlicensed("\n".join(trouble))
    lines = [f"{name}: {text}.txt\n" for name, text in sorted(whose.items())]
    (folder / INDEX).write_text("".join(lines), "utf-8")


def _put_statement(package: str, folder: Path) -> list[str]:
    """Debian's statement of a package, with the licences that it refers to; what is missing."""
    statement = _DOCUMENTS / package / "copyright"
    if not statement.is_file():
        return [f"{package}: there is no {statement}"]
    text = statement.read_text("utf-8", errors="replace")
    (folder / f"debian-{package}.txt").write_text(text, "utf-8")
    missing = []
    for name in referred(text):
        if (_COMMON / name).is_file():
            licence = (_COMMON / name).read_text("utf-8", errors="replace")
            (folder / f"common-{name}.txt").write_text(licence, "utf-8")
        else:
            missing.append(f"{package}: it refers to {_COMMON / name}, which is not there")
    return missing


def referred(statement: str) -> list[str]:
    """The licences that a statement of Debian names instead of repeating them."""
    return sorted(set(_REFERENCE.findall(statement)))


def installed_files() -> dict[Path, str]:
    """Each file of each package of this interpreter's environment, but the program's own.

    Those of a checkout that is installed in place are listed, and are no package of others.
    """
    return {
        Path(str(package.locate_file(file))).resolve(): name
        for package in distributions()
        if (name := package.metadata["Name"].lower()) != _OURS
        for file in package.files or ()
    }


def debian_package(file: Path) -> str:
    """The package of Debian that a file is of; "" for none, and where there is no dpkg."""
    try:
        told = subprocess.run(
            ["dpkg-query", "--search", *names_of(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        return ""
    return package_of(told.stdout)


def names_of(file: Path) -> Sequence[str]:
    """What dpkg may call a file: packages still name /lib where that is a link to /usr/lib."""
    name = str(file)
    return [name, name.removeprefix("/usr")] if name.startswith("/usr/lib") else [name]


def package_of(told: str) -> str:
    """The first that dpkg-query names, in lines such as "libssl3:amd64: /usr/lib/..."."""
    for line in told.splitlines():
        owners, separator, _ = line.rpartition(": ")
        if separator and not owners.startswith("diversion by"):
            return owners.partition(",")[0].partition(":")[0].strip()
    return ""
