"""The settings file, read by a server that runs, on the local API.

    POST /local/settings/read  -> SettingsRead

Needs the same key as all of wire/local.py.
"""

from app.wire.local import LocalMessage


class SettingsRead(LocalMessage, frozen=True, kw_only=True):
    """What became of the file's settings, by their paths (`neighbour.free_on_full_screen`)."""

    changed: tuple[str, ...]
    """They hold another value from now on."""
    waiting: tuple[str, ...]
    """The file says otherwise, and that holds when the server starts again."""
    fixed: tuple[str, ...]
    """A variable or a flag of the server sets them, which wins over the file."""
