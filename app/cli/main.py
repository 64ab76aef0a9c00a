"""The command line: which commands there are, and what becomes of their errors.

Expected errors become one sentence with its remedy and an exit code; `ATHANOR_DEBUG=1` shows the
traceback instead. An unexpected one is a bug and shows it always.
"""

import errno
import io
import os
import sys
from typing import Final, final

import click
from rich_click import RichCommandPanel, RichHelpConfiguration

from app import __version__
from app.cli.exit_codes import Exit, Misused, exit_of
from app.cli.lazy import LazyGroup
from app.cli.output import print_error
from app.core.base.errors import AthanorError

DEBUG_VARIABLE: Final = "ATHANOR_DEBUG"

COMMANDS: Final = {
    "serve": "app.cli.serve:serve",
    "stop": "app.cli.stop:stop",
    "status": "app.cli.status:status",
    "tray": "app.cli.tray:tray",
    "dashboard": "app.cli.dashboard:dashboard",
    "open": "app.cli.open_link:open_link",
    "run": "app.cli.chat.run:run",
    "models": "app.cli.models:models",
    "search": "app.cli.search:search",
    "pull": "app.cli.pull:pull",
    "downloads": "app.cli.downloads:downloads",
    "folders": "app.cli.folders:folders",
    "rm": "app.cli.remove:remove",
    "load": "app.cli.load:load",
    "unload": "app.cli.load:unload",
    "ps": "app.cli.status:ps",
    "free": "app.cli.free:free",
    "neighbour": "app.cli.free:neighbour",
    "snooze": "app.cli.free:snooze",
    "resume": "app.cli.free:resume",
    "share": "app.cli.share:share",
    "credits": "app.cli.credits:credits_",
    "pool": "app.cli.pool.group:pool",
    "runtime": "app.cli.runtime:runtime",
    "bench": "app.cli.bench.command:bench",
    "update": "app.cli.update.group:update",
    "autostart": "app.cli.autostart:autostart",
    "links": "app.cli.links:links",
    "keys": "app.cli.keys:keys",
    "settings": "app.cli.settings:settings",
    "doctor": "app.cli.doctor.command:doctor",
    "purge": "app.cli.purge.command:purge",
    "completion": "app.cli.completion:completion",
}
"""Each command and where it is written, in the order of the help."""

_PANELS: Final = (
    ("Server", ["serve", "stop", "status", "tray", "dashboard", "open"]),
    (
        "Models",
        [
            "run",
            "models",
            "search",
            "pull",
            "downloads",
            "folders",
            "rm",
            "load",
            "unload",
            "ps",
            "runtime",
            "bench",
        ],
    ),
    ("Other programs", ["free", "neighbour", "snooze", "resume"]),
    ("Pools", ["share", "credits", "pool"]),
    ("Care", ["update", "autostart", "links", "keys", "settings", "doctor", "purge", "completion"]),
)


_NO_RIGHT: Final = "Give your user the right to it, or set ATHANOR_HOME to another folder."
_REMEDIES: Final = {
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: _NO_RIGHT,
    errno.ENOSPC: "Make room on its disk.",
}
"""What can be done about what the system refuses."""


@final
class _Root(LazyGroup):
    COMMANDS = COMMANDS


@click.group(
    "athanor",
    cls=_Root,
    panels=[RichCommandPanel(name, commands=commands) for name, commands in _PANELS],
    context_settings={
        "help_option_names": ["-h", "--help"],
        "rich_help_config": RichHelpConfiguration(
            style_options_panel_box="BLANK",
            style_commands_panel_box="BLANK",
            style_errors_panel_box="BLANK",
            max_width=100,
            style_helptext_first_line="bold",
        ),
    },
)
@click.version_option(__version__, "-V", "--version", message="athanor %(version)s")
def root() -> None:
    """Your GPU as a private OpenAI-compatible server.

    Start with `athanor serve`, or talk to a model with `athanor run MODEL`.
    """


def main(arguments: list[str]) -> int:
    """Run the command line; its exit status."""
    _ready_streams()
    is_json = "--json" in arguments
    try:
        words = arguments or ["--help"]
        result = root.main(words, prog_name="athanor", standalone_mode=False)
        return result if isinstance(result, int) else Exit.OK
    except SystemExit as end:
        # rich-click ends so at a closed pipe, and where a group is called alone (it shows help).
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except click.UsageError as error:
        return _usage_told(error, is_json=is_json)
    except click.ClickException as error:
        print_error(AthanorError(error.format_message()), is_json=is_json)
        return Exit.FAILED
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except AthanorError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        print_error(error, is_json=is_json)
        return exit_of(error)
    except UnicodeEncodeError:
        # Bytes of the command line that are no text stand in its words as lone surrogates.
        if os.environ.get(DEBUG_VARIABLE) or _is_text(arguments):
            raise
        remedy = "Type it anew, or convert it, as `iconv -f LATIN1 -t UTF-8` does with a file."
        print_error(Misused("an argument is not text in UTF-8", remedy=remedy), is_json=is_json)
        return Exit.USAGE
    except OSError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        return _failure_told(error, is_json=is_json)


def _usage_told(error: click.UsageError, *, is_json: bool) -> int:
    where = error.ctx.command_path if error.ctx is not None else "athanor"
    remedy = f"`{where} --help` shows how it is called."
    print_error(Misused(error.format_message(), remedy=remedy), is_json=is_json)
    return Exit.USAGE


def _failure_told(error: OSError, *, is_json: bool) -> int:
    reason = error.strerror or str(error)
    words = f"{error.filename}: {reason}" if error.filename else reason
    failure = AthanorError(words, remedy=_REMEDIES.get(error.errno or 0, ""))
    try:
        print_error(failure, is_json=is_json)
    except OSError:
        # It is stdout itself that cannot be written.
        print_error(failure, is_json=False)
    return Exit.FAILED


def _is_text(words: list[str]) -> bool:
    return not any("\ud800" <= character <= "\udfff" for word in words for character in word)


def _ready_streams() -> None:
    """The streams as every command may take them.

    A pipe is UTF-8 whatever the system's own encoding is: with Windows' an answer would lose
    letters on its way into a file, and JSON would be none. A terminal that cannot show a character
    gets a question mark, not an exception. A stream that was closed before us is an empty one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for good
        elif not isinstance(stream, io.TextIOWrapper):
            continue
        elif name != "stdin":
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
        elif not stream.isatty():
            # Without the mark that Windows' editors put before a text.
            stream.reconfigure(encoding="utf-8-sig", errors="strict")
