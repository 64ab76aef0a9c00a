"""The manual page athanor(1), drawn from the commands: `python packaging/linux/man.py FILE`.

Needs the program's own dependencies, so it runs in an environment that has them (.venv or
build/bundle-venv). What `--help` says is what the page says.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import click
import product

from app.cli.command import Command
from app.cli.document import commands
from app.cli.exit_codes import MEANINGS
from app.cli.main import root

_FILES: Final = (
    ("~/.config/athanor/config.toml", "Settings; `athanor settings` lists and changes them."),
    ("~/.local/share/athanor", "Database, keys and models."),
    ("~/.local/state/athanor/log", "Logs, without anybody's words."),
    ("~/.cache/athanor", "What can be made again."),
)
_VARIABLES: Final = (
    ("ATHANOR_HOME", "Keep all files in this one folder instead."),
    ("ATHANOR_DEBUG", "Show the traceback of an error instead of its sentence."),
    ("NO_COLOR", "Print without colour."),
)


def manual_page(*, day: str) -> str:
    """The whole page in man(7)'s macros. `day` such as "2026-11-22"."""
    lines = [
        f'.TH ATHANOR 1 "{day}" "athanor {product.version()}" "User Commands"',
        ".SH NAME",
        f"athanor \\- {product.SUMMARY}",
        ".SH SYNOPSIS",
        ".B athanor",
        ".I COMMAND",
        ".RI [ OPTION ...]",
        ".SH DESCRIPTION",
        *_paragraphs("\n\n".join(product.DESCRIPTION)),
        ".SH COMMANDS",
    ]
    context = click.Context(root, info_name="athanor")
    for path, command in commands(root, context):
        lines += _command(path, command)
    lines.append(".SH EXIT STATUS")
    for code, meaning in MEANINGS.items():
        lines += [".TP", f".B {code.value}", escaped(meaning)]
    for title, rows in (("FILES", _FILES), ("ENVIRONMENT", _VARIABLES)):
        lines.append(f".SH {title}")
        for name, meaning in rows:
            lines += [".TP", f".I {escaped(name)}", escaped(meaning)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """One line of running text that troff takes literally; what stood in backquotes is bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    # A dot or an apostrophe at the beginning of a line would be a request.
    return f"\\&{text}" if text.startswith(".") else text


def _command(path: str, command: Command) -> Iterator[str]:
    context = click.Context(command)
    arguments = [
        parameter.make_metavar(context)
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    yield f'.SS "{escaped(" ".join([path, *arguments]))}"'
    yield from _paragraphs(inspect.cleandoc(command.help or ""))
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden and option.name != "help":
            value = "" if option.is_flag else f" {option.metavar or (option.name or '').upper()}"
            yield ".TP"
            yield f".B {escaped(f'{option.opts[0]}{value}')}"
            yield escaped(" ".join((option.help or "").split()))
    for what, line in command.examples:
        yield ".PP"
        yield escaped(f"{what[0].upper()}{what[1:]}:")
        yield from (".RS", ".nf", escaped(line), ".fi", ".RE")


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        yield escaped(" ".join(paragraph.split()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manual_page(day=sys.argv[2]), "utf-8")
