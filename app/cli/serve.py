"""`athanor serve`: the server, in the foreground."""

import os
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from msgspec.structs import replace

from app import __version__
from app.cli.command import command
from app.cli.disk import check_file
from app.cli.exit_codes import Exit, NotFound
from app.cli.flags import by_path, setting_flags
from app.cli.output import print_json, stdout
from app.cli.succession import succeed, way_back_told
from app.core.models.demonstration import DESCRIPTION, labelled
from app.settings.fields import FIELDS, HOST_SECTION
from app.settings.load import DEFAULT_ORIGIN, load_settings
from app.settings.paths import Paths, spelled_out
from app.settings.schema import Settings
from app.wire.serving import Serving

if TYPE_CHECKING:
    from app.server.main.greeting import Greeting

_QUESTION: Final = "Why is the sky blue?"
_ABOUT: Final = "What is this program?"
"""What the demonstration knows."""


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
@setting_flags(path for path, field in FIELDS.items() if field.section != HOST_SECTION)
def serve(models: tuple[Path, ...], with_parent: bool, is_json: bool, **flags: str | None) -> int:
    """Start the server and stay with it until Ctrl-C.

    Models are loaded when a request names them. --json prints one line when the server is ready.
    """
    paths = Paths.find()
    loaded = load_settings(paths.config_file, os.environ, by_path(flags))
    settings = _with_models(loaded.settings, models, paths)
    if with_parent:
        threading.Thread(target=stop_when_stdin_ends, daemon=True).start()

    def tell(greeting: "Greeting") -> None:
        if is_json:
            serving = Serving(
                pid=os.getpid(),
                addresses=greeting.addresses,
                models=greeting.models,
                log_file=str(paths.log_file),
            )
            print_json(serving, is_line=True)
        else:
            _print_banner(greeting, settings, paths)

    from app.server.main import run_server  # noqa: PLC0415  # it imports the whole server

    # A port that somebody chose stands in the settings of their programs: no other will do.
    port_is_fixed = loaded.origins["server.port"] != DEFAULT_ORIGIN
    with way_back_told(paths):
        successor = run_server(
            settings, paths, on_ready=tell, port_is_fixed=port_is_fixed, origins=loaded.origins
        )
    return Exit.OK if successor is None else succeed(successor.version, successor.file, paths)


def _with_models(settings: Settings, models: tuple[Path, ...], paths: Paths) -> Settings:
    """The settings with the named files added to what is offered; each of them can be loaded.

    Raises: NotFound, ModelFileInvalid.
    """
    named = tuple(spelled_out(path).absolute() for path in models)
    for path in named:
        if not path.exists():
            raise NotFound(
                f"there is no file {path}", remedy="`athanor models` lists what is found."
            )
        check_file(path, paths)
    folders = (*settings.models.folders, *map(str, named))
    return replace(settings, models=replace(settings.models, folders=folders))


def stop_when_stdin_ends() -> None:
    """For a server that belongs to another command: the pipe ends however its owner ends."""
    # Not sys.stdin: its lock, held by this thread for ever, would abort the interpreter's end.
    while os.read(0, 4096):
        pass
    signal.raise_signal(signal.SIGTERM)


def _print_banner(greeting: "Greeting", settings: Settings, paths: Paths) -> None:
    out = stdout()
    out.print(f"[bold]Athanor {__version__}[/] is serving; Ctrl-C stops it.\n")
    port = settings.server.port
    if port and not any(f":{port}/" in address for address in greeting.addresses):
        out.print(f"  Port {port} is taken, so another one is used.\n", highlight=False)
    rows = (
        ("API", "  ".join(greeting.addresses)),
        ("Models", _found(greeting)),
        ("Settings", str(paths.config_file)),
        ("Log", str(paths.log_file)),
    )
    for name, value in rows:
        out.print(f"  {name.ljust(9)} {value}", markup=False, soft_wrap=True)
    if greeting.demonstration:
        out.print(f"\n{DESCRIPTION}", markup=False, soft_wrap=True)
    if greeting.demonstration or not greeting.models:
        kind = "a real model" if greeting.models else "a model"
        out.print(
            f"\nFor {kind}: `athanor pull NAME` downloads one; or put GGUF files into "
            f"{paths.models}, name a folder in the setting models.folders, or start with --model "
            "PATH.",
            markup=False,
            soft_wrap=True,
        )
    if greeting.example:
        _print_example(greeting)


def _found(greeting: "Greeting") -> str:
    if greeting.demonstration:
        name = labelled(greeting.demonstration, is_demonstration=True)
        return f"{name}, since there is no other yet"
    if not greeting.models:
        return "none found yet"
    return f"{greeting.models} found (`athanor models` lists them)"


def _program() -> str:
    """How this program is called in the shell that started it: by its path where it must be."""
    is_ours = Path(sys.argv[0]).stem == "athanor"
    return shlex.quote(sys.argv[0]) if is_ours and not shutil.which("athanor") else "athanor"


def _print_example(greeting: "Greeting") -> None:
    question = _ABOUT if greeting.demonstration else _QUESTION
    body = {"model": greeting.example, "messages": [{"role": "user", "content": question}]}
    out = stdout()
    out.print("\nTry it:\n", markup=False)
    for line in (
        f'{_program()} run {shlex.quote(greeting.example)} "{question}"',
        f"curl {greeting.addresses[0]}/chat/completions -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(msgspec.json.encode(body).decode())}\n",
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)
