"""`athanor runtime`: back ends for GPUs: which there are, which are used, and packs of more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import click
import rich_click
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stderr, stdout
from app.cli.server import running
from app.client.client import Client
from app.client.errors import ServerRefused
from app.core.state.view import size
from app.wire.runtime import PackPicture, RuntimePicture

_COLUMNS: Final = ("RUNTIME", "WHAT", "STATE", "SIZE>", "NOTE")

_LINKED: Final = (
    "llama.cpp was built here with its back ends linked in: what it computes on is what it was "
    "built for, and packs are of no use. `athanor doctor` names it."
)

_STATES: Final = {
    "inside": "inside",
    "available": "can be installed",
    "installing": "installing",
    "installed": "installed",
    "damaged": "damaged",
    "unusable": "of no use here",
}


@rich_click.group("runtime")
def runtime() -> None:
    """What models are computed by: back ends for GPUs, and packs of more.

    The processor and Vulkan are inside. A GPU is used after a trial in a process of its own has
    shown that it computes what the processor computes; one that fails is switched off.
    """


@command(
    "list",
    examples=(
        ("what is used, and why not", "athanor runtime list"),
        ("ask for packs that are new", "athanor runtime list --look"),
    ),
    answer=RuntimePicture,
)
@click.option("--look", is_flag=True, help="Ask the publisher for the list of packs first.")
def list_(look: bool, is_json: bool) -> int:
    """List the back ends, the GPUs they were tried on, and the packs that can be had."""
    with running() as client:
        picture = client.look_for_packs() if look else client.runtime()
    if is_json:
        print_json(picture)
        return Exit.OK
    if not picture.is_modular:
        stdout().print(_LINKED, markup=False, soft_wrap=True)
        return Exit.OK
    print_table(_COLUMNS, map(_row, picture.packs))
    stdout().print()
    chosen = "by itself" if picture.wish == "auto" else f"as you chose ({picture.wish})"
    stdout().print(f"What is used is chosen {chosen}.", markup=False)
    for words in (picture.hardware, picture.advice, picture.trouble, picture.told):
        if words:
            note(words)
    return Exit.OK


@command(
    "install",
    examples=(("bring NVIDIA's back end", "athanor runtime install cuda13"),),
    answer=RuntimePicture,
)
@click.argument("pack", metavar="PACK")
@click.option("--yes", "is_agreed", is_flag=True, help="Agree to the licences that are shown.")
def install(pack: str, is_agreed: bool, is_json: bool) -> int:
    """Download a pack, check it, and try it; it is used when it passes.

    What has arrived is kept, so an install that was broken off goes on where it stopped.
    """
    with running() as client:
        meant = _meant(_looked(client), pack)
        if meant is not None and meant.licences and not (is_agreed or meant.status == "unusable"):
            # One that is of no use here the server refuses with the reason: nothing to agree to.
            _ask_for_licences(meant)
        return _carried_out(client, meant.id if meant else pack, "install", is_json=is_json)


@command(
    "use",
    examples=(
        ("the processor alone", "athanor runtime use cpu"),
        ("Vulkan instead of CUDA", "athanor runtime use vulkan"),
        ("whatever is best", "athanor runtime use auto"),
        ("as it was before", "athanor runtime use back"),
    ),
    answer=RuntimePicture,
)
@click.argument("pack", metavar="{auto|cpu|vulkan|PACK|back}")
def use(pack: str, is_json: bool) -> int:
    """Choose what models are computed by, from their next load on.

    It is tried first; where the trial fails, everything stays as it was.
    """
    with running() as client:
        return _carried_out(client, pack, "use", is_json=is_json)


@command(
    "test",
    examples=(("try Vulkan again after a driver update", "athanor runtime test vulkan"),),
    answer=RuntimePicture,
)
@click.argument("pack", metavar="PACK")
def test(pack: str, is_json: bool) -> int:
    """Try every GPU under a back end anew; one that was switched off is used if it passes."""
    with running() as client:
        return _carried_out(client, pack, "test", is_json=is_json)


@command(
    "remove",
    examples=(("delete a pack", "athanor runtime remove cuda13"),),
    answer=RuntimePicture,
)
@click.argument("pack", metavar="PACK")
def remove(pack: str, is_json: bool) -> int:
    """Delete an installed pack; models use what is left from their next load on."""
    with running() as client:
        return _carried_out(client, pack, "remove", is_json=is_json)


for _subcommand in (list_, install, use, test, remove):
    runtime.add_command(_subcommand)


def _looked(client: Client) -> RuntimePicture:
    """The picture after the publisher was asked, so that what is agreed to is what comes."""
    try:
        return client.look_for_packs()
    except ServerRefused:
        # The order itself asks once more, and says what is in the way.
        return client.runtime()


def _meant(picture: RuntimePicture, name: str) -> PackPicture | None:
    """The pack of this id, else the newest of this name."""
    named = [pack for pack in picture.packs if pack.id == name]
    begun = [pack for pack in picture.packs if pack.id.rpartition("-")[0] == name]
    return next(iter((*named, *begun)), None)


def _ask_for_licences(pack: PackPicture) -> None:
    """Raises: click.Abort, UsageError where nobody can be asked."""
    note(f"{pack.title} comes with parts under terms of their own:")
    for licence in pack.licences:
        note(f"  {licence.of}: {licence.name}, {licence.address}")
    if not sys.stdin.isatty():
        raise click.UsageError("read the licences, and agree to them with --yes")
    click.confirm(f"Download {size(pack.download_bytes)} and agree?", abort=True, err=True)


def _carried_out(
    client: Client,
    pack: str,
    action: Literal["install", "use", "test", "remove"],
    *,
    is_json: bool,
) -> int:
    """Gives the order and follows it to its end."""
    picture = client.order_runtime(pack, action)
    with _shown() as show:
        while picture.working_on:
            show(picture)
            picture = client.runtime(after=picture.number)
    if is_json:
        print_json(picture)
    else:
        stdout().print(escape(picture.told), soft_wrap=True)
    return Exit.FAILED if picture.has_failed else Exit.OK


class _Bar:
    """A bar on a terminal; a line for each step elsewhere."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress else None
        self._last = ""

    def __call__(self, picture: RuntimePicture) -> None:
        busy = next((pack for pack in picture.packs if pack.done_bytes), None)
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task,
                description=escape(picture.working_on),
                total=busy.download_bytes if busy else None,
                completed=busy.done_bytes if busy else 0,
            )
        elif picture.working_on != self._last:
            self._last = picture.working_on
            note(f"{picture.working_on} ...")


@contextmanager
def _shown() -> Iterator[_Bar]:
    if not sys.stderr.isatty():
        yield _Bar(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=stderr(), transient=True) as progress:
        yield _Bar(progress)


def _row(pack: PackPicture) -> tuple[str, ...]:
    state = "in use" if pack.is_in_use else _STATES[pack.status]
    bytes_ = (
        pack.installed_bytes if pack.status in {"installed", "damaged"} else pack.download_bytes
    )
    tried = "; ".join(
        f"{trial.device}: passed" if trial.is_good else f"{trial.device}: off, {trial.reason}"
        for trial in pack.trials
    )
    title = f"{pack.title} {pack.version}".strip()
    return (pack.id, title, state, size(bytes_) if bytes_ else "", pack.reason or tried)
