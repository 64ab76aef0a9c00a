"""`athanor models`: what is on disk, where and whose, what is in memory, what cannot be used."""

import os

import click

from app.cli.catalogue import print_catalogue
from app.cli.command import command
from app.cli.disk import read_picture
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stderr, stdout
from app.cli.server import running
from app.client.errors import NoServer
from app.core.models.apps import title
from app.core.models.demonstration import DESCRIPTION, REMEDY, labelled
from app.core.state.view import size
from app.settings.load import load_settings
from app.settings.paths import Paths
from app.wire.library import LibraryModel, LibraryPicture


@command(
    "models",
    examples=(
        ("what there is", "athanor models"),
        ("models to get, with what fits this machine", "athanor models --remote"),
        ("the names alone", "athanor models --json | jq -r '.models[].name'"),
        ("what other programs have", "athanor models --json | jq '.models[] | {name, found}'"),
    ),
    answer=LibraryPicture,
)
@click.option("--remote", is_flag=True, help="The catalogue: models to get, and what fits here.")
def models(remote: bool, is_json: bool) -> int:
    """List the models on this machine, and the files that cannot be used with the reason.

    Looked at are Athanor's models folder, those of the setting models.folders, and what Hugging
    Face, llama.cpp, LM Studio and Ollama have (`athanor folders list`). Works without a server.
    With --remote --json the catalogue is printed, a CataloguePicture.
    """
    if remote:
        print_catalogue(is_json=is_json)
        return Exit.OK
    found = _found()
    if is_json:
        print_json(found)
        return Exit.OK
    if found.models:
        print_table(
            ("NAME", "SIZE>", "QUANT", "CONTEXT>", "KIND", "FROM", "STATE"),
            map(_row, found.models),
        )
    else:
        stdout().print(
            f"No models found. Put GGUF files into {Paths.find().models}, or name a folder: "
            "`athanor folders add FOLDER`.",
            markup=False,
            soft_wrap=True,
        )
    if found.broken:
        stdout().print()
        print_table(
            ("CANNOT BE USED", "WHY"), [(model.name, model.refusal) for model in found.broken]
        )
    _print_notes(found)
    return Exit.OK


def _found() -> LibraryPicture:
    """What the server knows; where none runs, what is on the disk."""
    try:
        with running() as client:
            return client.look()
    except NoServer:
        pass
    paths = Paths.find()
    settings = load_settings(paths.config_file, os.environ, {}).settings
    with stderr().status("reading headers", spinner="dots") as status_line:
        return read_picture(
            paths,
            settings,
            lambda read, all_: status_line.update(f"reading headers: {read} of {all_}"),
        )


def _row(model: LibraryModel) -> tuple[str, ...]:
    kind = "embedding" if model.is_embedding else "chat" if model.has_chat_template else "text"
    copies = f" (+{len(model.copies)})" if model.copies else ""
    return (
        labelled(model.name, is_demonstration=model.is_demonstration),
        size(model.size_bytes),
        model.quantization,
        str(model.context_trained) if model.is_read else "",
        kind if model.is_read else "",
        title(model.origin) + copies,
        "" if model.status == "unloaded" else model.status,
    )


def _print_notes(found: LibraryPicture) -> None:
    if any(model.is_demonstration for model in found.models):
        note(f"{DESCRIPTION} {REMEDY}")
    doubled = [model for model in found.models if model.copies]
    if doubled:
        wasted = sum(copy.size_bytes for model in doubled for copy in model.copies)
        note(
            f"(+1): the same model lies in another place too; {size(wasted)} are taken twice. "
            "`athanor models --json` says where."
        )
    if found.hashing is not None:
        note(f"Contents are being read for their SHA-256: {size(found.hashing.bytes_left)} left.")
    for folder in found.folders:
        if folder.troubles and folder.origin not in {"athanor", "folder"}:
            note(f"{folder.title}: {folder.troubles[0]} {folder.remedy}")
    for trouble in found.troubles:
        note(trouble)
