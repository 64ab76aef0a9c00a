"""Every command line that a message, a page of the dashboard or a document names can be typed."""

import re
from collections.abc import Iterator

import click
import pytest

from app.cli.main import root
from tests.tidy.source import ROOT, tracked_files

_NAMED = re.compile(r"`athanor ([^`\n]+)`|<code>athanor ([^<\n]+)</code>")
_SUFFIXES = {".py", ".md", ".html"}


def _named() -> Iterator[tuple[str, str]]:
    """Each line without its first word, and a file that names it."""
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in _SUFFIXES and name.startswith(("app/", "assets/", "docs/", "README.md")):
            for found in _NAMED.finditer(path.read_text(encoding="utf-8")):
                yield found[1] or found[2], name


NAMED = dict(_named())


def _unknown(words: list[str]) -> list[str]:
    """Words that look like options and are none; nothing where this is no command of ours."""
    command: click.Command = root
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return []
        command, words = found, words[1:]
    known = {word for each in command.params for word in (*each.opts, *each.secondary_opts)}
    return [word for word in words if word.startswith("-") and word not in {*known, "--help"}]


def test_many_are_named() -> None:
    assert len(NAMED) > 200


@pytest.mark.parametrize("line", sorted(line for line in NAMED if " -" in line))
def test_a_command_that_is_named_takes_the_options_it_is_named_with(line: str) -> None:
    assert _unknown(line.split()) == [], NAMED[line]
