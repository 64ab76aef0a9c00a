"""Live: which settings hold as soon as they are written, and what becomes of the others. Pure.

The others are read when the server starts: sockets, folders and engines are made of them.
"""

from collections.abc import Container
from typing import Final

from msgspec.structs import replace

from app.settings.fields import FIELDS, Value
from app.settings.schema import Settings

LIVE_SECTIONS: Final = ("downloads", "neighbour", "sharing", "pool", "updates", "runtime")
"""Everything in them is asked for anew at each decision."""


def is_live(path: str) -> bool:
    """Whether the setting holds as soon as it is written."""
    return FIELDS[path].section in LIVE_SECTIONS


def value_of(settings: Settings, path: str) -> Value:
    """The value of a setting by its path."""
    section, _, name = path.partition(".")
    value: Value = getattr(getattr(settings, section), name)
    return value


def followed(in_force: Settings, in_file: Settings, fixed: Container[str]) -> Settings:
    """The settings in force now that the file says `in_file`.

    `fixed` are the paths that a variable or a flag sets, which win over the file.
    """
    sections = {}
    for section in LIVE_SECTIONS:
        written = {
            field.name: value_of(in_file, path)
            for path, field in FIELDS.items()
            if field.section == section and path not in fixed
        }
        sections[section] = replace(getattr(in_force, section), **written)
    return replace(in_force, **sections)


def differing(one: Settings, other: Settings) -> tuple[str, ...]:
    """The paths whose values are not the same, in the schema's order."""
    return tuple(path for path in FIELDS if value_of(one, path) != value_of(other, path))
