"""`athanor folders`: where models are looked for."""

import os
from pathlib import Path

import click
import rich_click

from app.cli.command import command
from app.cli.disk import read_picture
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running, running_or_own
from app.client.errors import NoServer
from app.core.state.view import size
from app.settings.load import load_settings
from app.settings.paths import Paths, spelled_out
from app.wire.library import FolderList, FolderPicture


@rich_click.group("folders")
def folders() -> None:
    """Show where models are looked for; add and take out folders of your own.

    Models are used where they lie: nothing is copied, and nothing of other programs is changed.
    """


@command(
    "list",
    examples=(("every place, and how much is there", "athanor folders list"),),
    answer=FolderList,
)
def list_(is_json: bool) -> int:
    """List the folders, with what cannot be read there."""
    _print(_folders(), is_json=is_json)
    return Exit.OK


@command(
    "add",
    examples=(
        ("offer what is on another disk", "athanor folders add /mnt/models"),
        ("or one file alone", "athanor folders add ~/Downloads/tiny.gguf"),
    ),
    answer=FolderList,
)
@click.argument("path", type=click.Path(path_type=Path))
def add(path: Path, is_json: bool) -> int:
    """Offer the models of a folder, and of those in it, from now on.

    It is written to the setting models.folders.
    """
    whole = spelled_out(path).absolute()
    with running_or_own() as client:
        found = client.add_folder(str(whole))
    if is_json:
        print_json(FolderList(folders=found))
        return Exit.OK
    added = [folder for folder in found if folder.path == str(whole)]
    for folder in added:
        stdout().print(
            f"{folder.path} is offered: {_count(folder.models)}, {size(folder.size_bytes)}.",
            markup=False,
            soft_wrap=True,
        )
    return Exit.OK


@command(
    "remove",
    examples=(("offer it no more", "athanor folders remove /mnt/models"),),
    answer=FolderList,
)
@click.argument("path", type=click.Path(path_type=Path))
def remove(path: Path, is_json: bool) -> int:
    """Offer the models of a folder no more. No file is touched."""
    whole = spelled_out(path).absolute()
    with running_or_own() as client:
        found = client.remove_folder(str(whole))
    if is_json:
        print_json(FolderList(folders=found))
    else:
        stdout().print(f"{whole} is offered no more.", markup=False, soft_wrap=True)
    return Exit.OK


for _subcommand in (list_, add, remove):
    folders.add_command(_subcommand)


def _folders() -> tuple[FolderPicture, ...]:
    """As the server knows them; where none runs, as they are on the disk."""
    try:
        with running() as client:
            return client.look().folders
    except NoServer:
        paths = Paths.find()
        settings = load_settings(paths.config_file, os.environ, {}).settings
        return read_picture(paths, settings).folders


def _print(found: tuple[FolderPicture, ...], *, is_json: bool) -> None:
    if is_json:
        print_json(FolderList(folders=found))
        return
    print_table(
        ("WHOSE", "MODELS>", "SIZE>", "FOLDER"),
        [
            (folder.title, str(folder.models), size(folder.size_bytes), folder.path)
            for folder in found
        ],
    )
    for folder in found:
        for trouble in folder.troubles:
            note(f"{folder.title}: {trouble} {folder.remedy}".rstrip())


def _count(models: int) -> str:
    return "1 model" if models == 1 else f"{models} models"
