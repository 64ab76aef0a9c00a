"""`athanor completion`: Tab in the shell."""

import sys

import click
from click.shell_completion import get_completion_class

from app.cli.command import command
from app.cli.exit_codes import Exit


@command(
    "completion",
    examples=(
        ("for bash, for good", "athanor completion bash >> ~/.bashrc"),
        ("for fish", "athanor completion fish > ~/.config/fish/completions/athanor.fish"),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that completes commands, flags and model names with Tab."""
    from app.cli.main import root  # noqa: PLC0415  # the group that this command belongs to

    shell_class = get_completion_class(shell)
    assert shell_class is not None
    sys.stdout.write(shell_class(root, {}, "athanor", "_ATHANOR_COMPLETE").source())
    return Exit.OK
