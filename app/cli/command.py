"""Command: a click command that shows examples and knows the shape of its JSON.

docs/cli.md is drawn from these, and a test runs every example through the parser, so that neither
help nor documentation can show a command that does not exist.
"""

from collections.abc import Callable
from typing import Final, final

import click
import msgspec
import rich_click
from rich.text import Text
from rich_click import RichCommand, RichContext, RichHelpFormatter, RichOption, RichOptionPanel

from app.core.base.errors import AthanorError
from app.settings.fields import SECTIONS

Shape = type[msgspec.Struct]
Example = tuple[str, str]
"""What it does, and the command line."""

SETTING_PANELS: Final = {section: f"Settings: {section}" for section in SECTIONS}
"""Headings in the help for flags that are settings."""


@final
class Command(RichCommand):
    """One command. `answer` is the Struct that `--json` prints; None where there is no `--json`."""

    examples: tuple[Example, ...] = ()
    answer: Shape | None = None

    def format_epilog(self, ctx: RichContext, formatter: RichHelpFormatter) -> None:  # type: ignore[override]
        """The examples, one a line, ready to be copied."""
        if self.examples:
            text = Text("\n Examples\n", style="bold")
            for what, line in self.examples:
                text.append(f"   # {what}\n", style="not bold dim")
                text.append(f"   {line}\n", style="not bold")
            formatter.write(text)


def command(
    name: str,
    *,
    examples: tuple[Example, ...],
    answer: Shape | None = None,
) -> Callable[[Callable[..., int | None]], Command]:
    """Makes a function the command `name`; with an answer it gets `--json` as `is_json`.

    The function's docstring is the help, its first line the summary; it returns its exit code.
    """

    def make(function: Callable[..., int | None]) -> Command:
        panels = [RichOptionPanel(title) for title in ("Options", *SETTING_PANELS.values())]
        made = rich_click.command(name, cls=Command, panels=panels)(function)
        if answer is not None:
            words = "Print JSON (docs/cli.md has its shape)."
            made.params.append(RichOption(["--json", "is_json"], is_flag=True, help=words))
        made.examples = examples
        made.answer = answer
        return made

    return make


def _complete_model(context: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """Names for Tab. A shell that waits for Tab must not be told of errors."""
    from app.cli.server import running  # noqa: PLC0415  # the HTTP client, on Tab alone

    try:
        with running() as client:
            names = [model.id for model in client.models()]
    except AthanorError:
        return []
    return [name for name in names if name.startswith(start)]


MODEL: Final = click.argument("model", metavar="MODEL", shell_complete=_complete_model)
MODEL_IF_ANY: Final = click.argument(
    "model", metavar="[MODEL]", default="", shell_complete=_complete_model
)
"""Empty means the default model."""
