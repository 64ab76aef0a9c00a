"""Output: results on stdout, everything else on stderr, for terminals, pipes and scripts.

A pipe gets plain text without colour, boxes or cut lines; `NO_COLOR` takes the colour from a
terminal too (rich honours it). With `--json` stdout holds JSON alone, errors included.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.client.errors import ServerRefused
from app.core.base.errors import AthanorError

_PIPE_WIDTH: Final = 500
"""Lines of a pipe are never wrapped: they are for grep and awk."""


def console_of(file_is_terminal: bool, *, stderr: bool) -> Console:
    """A console that looks at its stream each time, so that a redirected one is honoured."""
    width = None if file_is_terminal or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False, emoji=False)


def stdout() -> Console:
    """For results."""
    return console_of(sys.stdout.isatty(), stderr=False)


def stderr() -> Console:
    """For progress, notes and errors."""
    return console_of(sys.stderr.isatty(), stderr=True)


def print_json(value: object, *, is_line: bool = False) -> None:
    """One JSON value; on one line where more follow."""
    encoded = msgspec.json.encode(value)
    text = encoded if is_line else msgspec.json.format(encoded, indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows on stdout; see `table_of`."""
    stdout().print(table_of(columns, rows))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rows under bold headings. A column whose heading ends in ">" stands to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        is_right = column.endswith(">")
        table.add_column(
            column.removesuffix(">"), justify="right" if is_right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def print_error(error: AthanorError, *, is_json: bool) -> None:
    """What is wrong and what to do about it."""
    if is_json:
        # A server's own word is the one that a script can tell its refusals apart by.
        kind = error.code if isinstance(error, ServerRefused) and error.code else error.kind
        print_json({"error": {"kind": kind, "message": error.message, "remedy": error.remedy}})
        return
    console = stderr()
    console.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
    if error.remedy:
        console.print(escape(error.remedy), soft_wrap=True)


def note(message: str) -> None:
    """A sentence beside the result, dim on a terminal."""
    stderr().print(f"[dim]{escape(message)}[/]", soft_wrap=True)
