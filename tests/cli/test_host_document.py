"""Every command that docs/host-a-pool.md shows is one that there is, with arguments it takes."""

import re
import shlex

import click
import pytest

from app.cli.main import root
from tests.tidy.source import read

_TEXT = read("docs/host-a-pool.md")
_BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", _TEXT, re.DOTALL)).replace("\\\n", " ")
COMMANDS = sorted(
    {line for line in _BLOCKS.splitlines() if line.startswith("athanor ")}
    | set(re.findall(r"^\| `(athanor [^`]+)` \|", _TEXT, re.MULTILINE))
)


def test_the_page_shows_commands() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_is_parsed(line: str) -> None:
    words = shlex.split(line)[1:]
    context: click.Context | None = None
    command: click.Command = root
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(click.Context(command), words)
        assert command is not None

    context = command.make_context(name, words)

    assert context.args == []
