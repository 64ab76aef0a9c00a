"""Lazy: a group of commands that imports each of them only when it is called.

`athanor keys` must not pay for what `athanor serve` needs.
"""

import difflib
import importlib
from collections.abc import Mapping

import click
from rich_click import RichGroup


class LazyGroup(RichGroup):
    """A group whose commands are named in `COMMANDS` of a subclass: word -> "module:name"."""

    COMMANDS: Mapping[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The words, in the order of the help."""
        return list(self.COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where there is none of that name."""
        if cmd_name not in self.COMMANDS:
            return None
        module, _, name = self.COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest word where one is misspelt."""
        if args[0] not in self.COMMANDS and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], self.COMMANDS, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise click.UsageError(f"there is no command {args[0]}{hint}", ctx)
        return super().resolve_command(ctx, args)
