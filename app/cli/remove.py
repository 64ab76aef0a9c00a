"""`athanor rm`: delete a model from Athanor's own folder."""

import sys

import click

from app.cli.command import MODEL, command
from app.cli.exit_codes import Exit, Misused
from app.cli.output import note, print_json, stderr, stdout
from app.cli.server import running_or_own
from app.client.client import Client
from app.core.base.errors import NotOurs
from app.core.state.view import size
from app.wire.library import LibraryModel, ModelDeleted


@command(
    "rm",
    examples=(
        ("delete a model; it asks, with the size", "athanor rm qwen3-8b:q8_0"),
        ("without asking, in a script", "athanor rm qwen3-8b:q8_0 --yes"),
    ),
    answer=ModelDeleted,
)
@MODEL
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
def remove(model: str, is_sure: bool, is_json: bool) -> int:
    """Delete a model from Athanor's own folder, unloading it first where it is loaded.

    Models of other programs and in folders of yours are never deleted: it says whose a model is
    and how to delete it there.
    """
    with running_or_own() as client:
        found = client.library_model(model)
        if not found.may_delete:
            raise NotOurs(
                f"{found.name} is not Athanor's to delete ({found.found})",
                remedy=found.how_to_delete,
            )
        if not is_sure and not _is_agreed(found, is_json=is_json):
            note("Nothing was deleted.")
            return Exit.FAILED
        deleted = _delete(client, found)
    if is_json:
        print_json(deleted)
        return Exit.OK
    stdout().print(
        f"{deleted.name} is deleted; {size(deleted.freed_bytes)} are free again.",
        markup=False,
        soft_wrap=True,
    )
    for copy in deleted.left:
        note(f"The same model stays {copy.found}: {copy.path}")
    return Exit.OK


def _is_agreed(found: LibraryModel, *, is_json: bool) -> bool:
    """Asks at the terminal. Raises: Misused where nobody can answer."""
    if is_json or not sys.stdin.isatty():
        raise Misused(
            f"{found.name} ({size(found.size_bytes)}) is only deleted when you say so",
            remedy="Add --yes to delete it without a question.",
        )
    loaded = " It is loaded, and is unloaded first." if found.status != "unloaded" else ""
    stderr().print(f"{found.path}{loaded}", markup=False, soft_wrap=True)
    question = f"Delete {found.name} ({size(found.size_bytes)})?"
    return click.confirm(question, default=False, err=True)


def _delete(client: Client, found: LibraryModel) -> ModelDeleted:
    count = len(found.shards) or 1
    files = "a file" if count == 1 else f"{count} files"
    with stderr().status(f"deleting {files}", spinner="dots"):
        return client.delete_model(found.name)
