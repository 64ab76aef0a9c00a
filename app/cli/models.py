"""`athanor models`: what is on disk, what of it is in memory, and what cannot be used."""

import os

import msgspec

from app.cli.command import command
from app.cli.disk import read_library
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stderr, stdout
from app.cli.server import running
from app.client.errors import NoServer
from app.core.models.demonstration import DESCRIPTION, REMEDY, labelled
from app.core.state.view import size
from app.server.models.library import Entry, Library
from app.settings.load import load_settings
from app.settings.paths import Paths
from app.wire.local import ModelStatus


class ModelOnDisk(msgspec.Struct, frozen=True, kw_only=True):
    """One model that can be loaded. Texts are "" where the file says nothing."""

    name: str
    path: str
    size_bytes: int
    quantization: str
    architecture: str
    parameters: int
    context_trained: int
    is_embedding: bool
    has_chat_template: bool
    is_demonstration: bool
    """It came with Athanor, and is listed since there is no other model."""
    status: ModelStatus


class BrokenModel(msgspec.Struct, frozen=True, kw_only=True):
    """One file that cannot be used, and why."""

    name: str
    path: str
    reason: str


class ModelsOnDisk(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. `is_serving` is false where no server runs; then nothing is loaded."""

    is_serving: bool
    models: tuple[ModelOnDisk, ...]
    broken: tuple[BrokenModel, ...]
    troubles: tuple[str, ...]
    """What went wrong while looking, in sentences."""


@command(
    "models",
    examples=(
        ("what there is", "athanor models"),
        ("the names alone", "athanor models --json | jq -r '.models[].name'"),
    ),
    answer=ModelsOnDisk,
)
def models(is_json: bool) -> int:
    """List the models on this machine, and the files that cannot be used with the reason.

    Looked at are Athanor's models folder and the setting models.folders. Works without a server.
    """
    paths = Paths.find()
    settings = load_settings(paths.config_file, os.environ, {}).settings
    with stderr().status("reading headers", spinner="dots") as status_line:
        library = read_library(
            paths,
            settings,
            lambda read, all_: status_line.update(f"reading headers: {read} of {all_}"),
        )
    statuses = _statuses()
    found = _found(library, statuses)
    if is_json:
        print_json(found)
        return Exit.OK
    if found.models:
        print_table(
            ("NAME", "SIZE>", "QUANT", "CONTEXT>", "KIND", "STATE"), map(_row, found.models)
        )
    else:
        stdout().print(
            f"No models found. Put GGUF files into {paths.models}, or name a folder: "
            "`athanor settings set models.folders FOLDER`.",
            markup=False,
            soft_wrap=True,
        )
    if found.broken:
        stdout().print()
        print_table(("CANNOT BE USED", "WHY"), [(b.name, b.reason) for b in found.broken])
    if any(model.is_demonstration for model in found.models):
        note(f"{DESCRIPTION} {REMEDY}")
    for trouble in found.troubles:
        note(trouble)
    return Exit.OK


def _statuses() -> dict[str, ModelStatus] | None:
    """The state of each model that is not simply unloaded; None where no server runs."""
    try:
        with running() as client:
            return {engine.model: engine.status for engine in client.state().engines}
    except NoServer:
        return None


def _found(library: Library, statuses: dict[str, ModelStatus] | None) -> ModelsOnDisk:
    entries = library.entries()
    known = statuses or {}
    return ModelsOnDisk(
        is_serving=statuses is not None,
        models=tuple(_model(entry, known) for entry in entries if entry.card is not None),
        broken=tuple(
            BrokenModel(name=entry.name, path=entry.path, reason=entry.refusal)
            for entry in entries
            if entry.refusal
        ),
        troubles=library.troubles(),
    )


def _model(entry: Entry, statuses: dict[str, ModelStatus]) -> ModelOnDisk:
    card = entry.card
    assert card is not None
    return ModelOnDisk(
        name=entry.name,
        path=entry.path,
        size_bytes=entry.size_bytes,
        quantization=card.quantisation,
        architecture=card.architecture,
        parameters=card.parameters,
        context_trained=card.context_trained,
        is_embedding=card.is_embedding,
        has_chat_template=card.has_chat_template,
        is_demonstration=entry.is_demonstration,
        status=statuses.get(entry.name, "unloaded"),
    )


def _row(model: ModelOnDisk) -> tuple[str, ...]:
    kind = "embedding" if model.is_embedding else "chat" if model.has_chat_template else "text"
    return (
        labelled(model.name, is_demonstration=model.is_demonstration),
        size(model.size_bytes),
        model.quantization,
        str(model.context_trained),
        kind,
        "" if model.status == "unloaded" else model.status,
    )
