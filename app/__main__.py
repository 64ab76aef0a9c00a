"""The first word of the command line picks the process, before anything heavy is imported.

An engine child must not pay for the command line's libraries, nor the command line for numpy; and
`athanor --version` answers at once. Works from source (`python -m app`), installed (`athanor`)
and frozen (`athanor engine` starts the same executable).
"""

import sys
from typing import Final

from app import __version__

INTERRUPTED: Final = 130
"""As cli/exit_codes.py has it, which is not imported yet."""


def main() -> int:
    """Run the process that the first word names; its exit status."""
    try:
        return _process(sys.argv[1:])
    except KeyboardInterrupt:
        # Ctrl-C while libraries are being imported: nothing was begun that could be told of.
        return INTERRUPTED


def _process(arguments: list[str]) -> int:
    match arguments:
        case ["engine", *rest]:
            from app.engine.main import main as engine_main  # noqa: PLC0415  # see the docstring

            return engine_main(rest)
        case ["download", *rest]:
            from app.download.main import main as download_main  # noqa: PLC0415  # likewise

            return download_main(rest)
        case ["handover", *rest]:
            from app.installation.handover import main as handover_main  # noqa: PLC0415  # likewise

            return handover_main(rest)
        case ["tray", *rest]:
            from app.tray.command_line import flags_of  # noqa: PLC0415  # see the docstring

            flags = flags_of(rest)
            if flags is not None:
                from app.tray.main import main as tray_main  # noqa: PLC0415  # see the docstring

                return tray_main(flags)
            # Help, and whatever is wrong: the command line answers.
            from app.cli.main import main as cli_main  # noqa: PLC0415  # see the docstring

            return cli_main(arguments)
        case ["--version" | "-V"]:
            sys.stdout.write(f"athanor {__version__}\n")
            return 0
        case _:
            from app.cli.main import main as cli_main  # noqa: PLC0415  # see the docstring

            return cli_main(arguments)


if __name__ == "__main__":
    sys.exit(main())
