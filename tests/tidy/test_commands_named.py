"""Commands that a text tells its reader to run have the options that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli.main import root
from tests.tidy.source import ROOT, tracked_files

READ = {".md", ".html", ".py"}
QUOTED = re.compile(r"(?:`|<code>)(?:\.venv/bin/)?athanor ([a-z][^`<#]*)(?:`|</code>)")
JOINED = re.compile(r'"\s*\n\s*f?"')
"""Between the parts of a literal that goes over lines."""


def told(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    yield from QUOTED.findall(JOINED.sub("", text) if path.suffix == ".py" else text)


def unknown_options(words: list[str]) -> set[str]:
    """The options among `words` that the command they begin with does not take."""
    command: click.Command = root
    context = click.Context(command)
    for word in words:
        inner = command.get_command(context, word) if isinstance(command, click.Group) else None
        if inner is None:
            break
        command, context = inner, click.Context(inner, parent=context)
    if command is root:
        return set()  # the name of an engine's process, a file or a signature
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    return asked - known - {"--help"}


def test_no_text_names_an_option_that_its_command_does_not_take() -> None:
    files = [each for each in tracked_files() if each.suffix in READ]

    found = [
        f"{path.relative_to(ROOT)}: `athanor {line}`"
        for path in files
        for line in told(path)
        if unknown_options(line.split())
    ]

    assert not found, "\n".join(found)


def test_an_unknown_option_is_found_and_a_known_one_is_not() -> None:
    assert unknown_options(["keys", "add", "NAME", "--no-such"]) == {"--no-such"}
    assert unknown_options(["keys", "add", "NAME", "--admin"]) == set()
