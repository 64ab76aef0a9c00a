"""Load: the settings in force, from file < environment < flags.

Every wrong value is told in one go, each with the place it stands in (file and line, variable or
flag) and what is allowed there. An unknown key is an error too: a setting that is silently ignored
costs its owner an evening. Environment variables are called `ATHANOR_<SECTION>_<FIELD>`; an empty
one counts as not set.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.base.errors import SettingsInvalid
from app.settings.fields import ENVIRONMENT_PREFIX, FIELDS, SECTIONS, Field, Value
from app.settings.schema import Settings
from app.settings.toml_text import Key, line_of, parts

DEFAULT_ORIGIN: Final = "default"

_TOML_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings, and for each path where its value comes from."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    config_file: Path, environment: Mapping[str, str], flags: Mapping[str, str | None]
) -> Loaded:
    """The settings in force; a flag or variable that is None or empty was not given.

    `flags` maps paths (`server.port`) to texts. A file that does not exist is empty.
    Raises: SettingsInvalid, naming every wrong value.
    """
    text = text_of_file(config_file)
    return _put_together(
        _from_text(config_file, text), _from_environment(environment), _from_flags(flags)
    )


def check_text(config_file: Path, text: str) -> None:
    """Raises SettingsInvalid where `text` could not stand in the file."""
    _put_together(_from_text(config_file, text))


def text_of_file(config_file: Path) -> str:
    """The file's text, "" where there is none. Raises: SettingsInvalid."""
    try:
        # Editors of Windows put a byte order mark first, which TOML does not know.
        return config_file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            f"{config_file} cannot be read: {error}",
            remedy="Make it a UTF-8 text file that you may read, or delete it.",
        ) from None


def document_of(config_file: Path, text: str) -> dict[str, object]:
    """The file's content as TOML. Raises: SettingsInvalid with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = place[1] if place and place[1] else str(line_of(text, len(text)))
        raise SettingsInvalid(
            f"{config_file} line {line} is not TOML: {_TOML_PLACE.sub('', message)}",
            remedy="Correct the line; texts stand in quotation marks.",
        ) from None


@final
@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    value: Value
    origin: str


@final
@dataclass(frozen=True, slots=True)
class _Problem:
    message: str


def _put_together(*reads: Iterator[_Found | _Problem]) -> Loaded:
    """Later reads win. Raises: SettingsInvalid with all problems."""
    problems: list[str] = []
    values: dict[str, Value] = {}
    origins = dict.fromkeys(FIELDS, DEFAULT_ORIGIN)
    for read in reads:
        for found in read:
            if isinstance(found, _Problem):
                problems.append(found.message)
            else:
                values[found.path] = found.value
                origins[found.path] = found.origin
    if problems:
        raise SettingsInvalid(
            "\n".join(problems),
            remedy="Correct or remove what is named; `athanor settings show` lists what is in "
            "force, docs/settings.md what there is.",
        )
    return Loaded(settings=_assemble(values), origins=origins)


def _from_text(config_file: Path, text: str) -> Iterator[_Found | _Problem]:
    document = document_of(config_file, text)
    lines: dict[Key, int] = {}
    for part in parts(text):
        for depth in range(1, len(part.key) + 1):
            lines.setdefault(part.key[:depth], line_of(text, part.start))
    for section, table in document.items():
        place = f"{config_file} line {lines[section,]}"
        if section not in SECTIONS:
            yield _Problem(f"{place}: there is no section {section}{_nearest(section, SECTIONS)}")
        elif not isinstance(table, dict):
            yield _Problem(f"{place}: {section} is a section; allowed: [{section}] on a line")
        else:
            for name, value in table.items():
                place = f"{config_file} line {lines[section, name]}"
                yield _checked(f"{section}.{name}", value, place)


def _checked(path: str, value: object, place: str) -> _Found | _Problem:
    field = FIELDS.get(path)
    if field is None:
        return _Problem(f"{place}: there is no setting {path}{_nearest(path, tuple(FIELDS))}")
    try:
        return _Found(path, field.check(value), place)
    except ValueError:
        return _wrong(field, place, _shown(value))


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Found | _Problem]:
    variables = {field.variable: field for field in FIELDS.values()}
    ours = tuple(f"{ENVIRONMENT_PREFIX}{section.upper()}_" for section in SECTIONS)
    for variable, text in sorted(environment.items()):
        field = variables.get(variable)
        if field is not None and text:
            yield _parsed(field, text, f"environment variable {variable}")
        elif field is None and variable.startswith(ours):
            nearest = _nearest(variable, tuple(variables))
            yield _Problem(f"environment: there is no setting {variable}{nearest}")


def _from_flags(flags: Mapping[str, str | None]) -> Iterator[_Found | _Problem]:
    for path, text in flags.items():
        if text is not None:
            field = FIELDS[path]
            yield _parsed(field, text, f"flag {field.flag}")


def _parsed(field: Field, text: str, place: str) -> _Found | _Problem:
    try:
        return _Found(field.path, field.parse(text), place)
    except ValueError:
        return _wrong(field, place, text)


def _wrong(field: Field, place: str, shown: str) -> _Problem:
    return _Problem(f"{place}: {field.path} is {shown}; allowed: {field.allowed}")


def _shown(value: object) -> str:
    """A wrong value, short, as its owner wrote it or near to it."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """A hint at what was meant. A right name in a wrong section counts as nearest."""
    leaf = name.rpartition(".")[2]
    matches = [path for path in known if path.rpartition(".")[2] == leaf]
    matches = matches or difflib.get_close_matches(name, known, n=1)
    return (
        f"; did you mean {matches[0]}?"
        if matches
        else f"; there are: {', '.join(known)}" * (len(known) < 12)
    )


def _assemble(values: Mapping[str, Value]) -> Settings:
    sections: dict[str, dict[str, Value]] = {section: {} for section in SECTIONS}
    for path, value in values.items():
        section, _, name = path.partition(".")
        sections[section][name] = value
    return msgspec.convert(sections, Settings)
