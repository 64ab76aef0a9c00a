"""`athanor serve`: the server, in the foreground."""

import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec.structs import replace

from app import __version__
from app.cli.command import command
from app.cli.disk import check_file
from app.cli.exit_codes import NotFound
from app.cli.flags import by_path, setting_flags
from app.cli.output import print_json, stdout
from app.settings.fields import FIELDS
from app.settings.load import DEFAULT_ORIGIN, load_settings
from app.settings.paths import Paths
from app.settings.schema import Settings
from app.wire.serving import Serving

_QUESTION: Final = "Why is the sky blue?"


@command(
    "serve",
    examples=(
        ("serve all models that are found", "athanor serve"),
        ("serve this file too, whatever folder it is in", "athanor serve --model ~/tiny.gguf"),
        ("with a longer context and another port", "athanor serve --context 32768 --port 8000"),
        ("for other machines too (an API key is needed)", "athanor serve --host 0.0.0.0"),
    ),
    answer=Serving,
)
@click.option(
    "--model",
    "models",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A GGUF file, or a folder of them, to offer besides those that are found; may be given "
    "several times.",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when stdin ends.")
@setting_flags(FIELDS)
def serve(models: tuple[Path, ...], with_parent: bool, is_json: bool, **flags: str | None) -> int:
    """Start the server and stay with it until Ctrl-C.

    Models are loaded when a request names them. --json prints one line when the server is ready.
    """
    paths = Paths.find()
    loaded = load_settings(paths.config_file, os.environ, by_path(flags))
    settings = _with_models(loaded.settings, models, paths)
    if with_parent:
        threading.Thread(target=_stop_when_stdin_ends, daemon=True).start()

    def tell(addresses: tuple[str, ...], names: tuple[str, ...]) -> None:
        if is_json:
            log_file = str(paths.log_file)
            serving = Serving(
                pid=os.getpid(), addresses=addresses, models=len(names), log_file=log_file
            )
            print_json(serving, is_line=True)
        else:
            _print_banner(addresses, names, settings, paths)

    from app.server.main import run_server  # noqa: PLC0415  # it imports the whole server

    # A port that somebody chose stands in the settings of their programs: no other will do.
    port_is_fixed = loaded.origins["server.port"] != DEFAULT_ORIGIN
    return run_server(settings, paths, on_ready=tell, port_is_fixed=port_is_fixed)


def _with_models(settings: Settings, models: tuple[Path, ...], paths: Paths) -> Settings:
    """The settings with the named files added to what is offered; each of them can be loaded.

    Raises: NotFound, ModelFileInvalid.
    """
    named = tuple(path.expanduser().absolute() for path in models)
    for path in named:
        if not path.exists():
            raise NotFound(
                f"there is no file {path}", remedy="`athanor models` lists what is found."
            )
        check_file(path, paths)
    folders = (*settings.models.folders, *map(str, named))
    return replace(settings, models=replace(settings.models, folders=folders))


def _stop_when_stdin_ends() -> None:
    """For a server that belongs to another command: the pipe ends however its owner ends."""
    # Not sys.stdin: its lock, held by this thread for ever, would abort the interpreter's end.
    while os.read(0, 4096):
        pass
    signal.raise_signal(signal.SIGTERM)


def _print_banner(
    addresses: tuple[str, ...], names: tuple[str, ...], settings: Settings, paths: Paths
) -> None:
    out = stdout()
    out.print(f"[bold]Athanor {__version__}[/] is serving; Ctrl-C stops it.\n")
    port = settings.server.port
    if port and not any(f":{port}/" in address for address in addresses):
        out.print(f"  Port {port} is taken, so another one is used.\n", highlight=False)
    found = f"{len(names)} found (`athanor models` lists them)" if names else "none found yet"
    rows = (
        ("API", "  ".join(addresses)),
        ("Models", found),
        ("Settings", str(paths.config_file)),
        ("Log", str(paths.log_file)),
    )
    for name, value in rows:
        out.print(f"  {name.ljust(9)} {value}", markup=False, soft_wrap=True)
    if not names:
        out.print(
            f"\nPut GGUF files into {paths.models}, name a folder in the setting models.folders, "
            "or start with --model PATH.",
            markup=False,
            soft_wrap=True,
        )
        return
    body = {"model": names[0], "messages": [{"role": "user", "content": _QUESTION}]}
    out.print("\nTry it:\n", markup=False)
    out.print(
        f"  curl {addresses[0]}/chat/completions -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(msgspec.json.encode(body).decode())}\n",
        markup=False,
        soft_wrap=True,
    )
