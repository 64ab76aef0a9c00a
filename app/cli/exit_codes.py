"""Exit codes: one table for all commands."""

import enum
from http import HTTPStatus
from typing import Final

from app.client.errors import ServerRefused
from app.core.base.errors import AthanorError


class Exit(enum.IntEnum):
    """How a command ended, for scripts. Written out, since scripts keep the numbers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SERVER = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


MEANINGS: Final = {
    Exit.OK: "it is done",
    Exit.FAILED: "it could not be done, or `doctor` found something wrong; the message says what",
    Exit.USAGE: "the command line or a setting is wrong",
    Exit.SERVER: "no server is running, or, for `serve`, one is running already",
    Exit.NOT_FOUND: "there is no model, key or setting of that name",
    Exit.INTERRUPTED: "Ctrl-C",
}


class Misused(AthanorError):
    """The command line is wrong."""

    kind = "usage"


class NotFound(AthanorError):
    """Nothing has the name or id that was given."""

    kind = "not_found"


_BY_KIND: Final = {
    "usage": Exit.USAGE,
    "settings_invalid": Exit.USAGE,
    "no_server": Exit.SERVER,
    "no_host": Exit.SERVER,
    "already_running": Exit.SERVER,
    "not_found": Exit.NOT_FOUND,
    "model_not_found": Exit.NOT_FOUND,
}


def exit_of(error: AthanorError) -> Exit:
    """The exit code that tells this error, by its stable word."""
    if isinstance(error, ServerRefused) and error.status == HTTPStatus.NOT_FOUND:
        return Exit.NOT_FOUND
    return _BY_KIND.get(error.kind, Exit.FAILED)
