"""`athanor downloads`: what is on its way, and what became of it."""

import sys
from collections.abc import Sequence

import click
import rich_click
from rich.live import Live

from app.cli.command import command
from app.cli.download_progress import STATUS_WORDS, rate_words
from app.cli.exit_codes import Exit, NotFound
from app.cli.output import note, print_json, print_table, stdout, table_of
from app.cli.server import running
from app.core.state.view import size
from app.wire.local import DownloadPicture
from app.wire.remote import DownloadList

_COLUMNS = ("ID", "MODEL", "STATE", "ARRIVED>", "OF>", "")


@rich_click.group("downloads")
def downloads() -> None:
    """List, pause, resume and cancel downloads of the running server.

    `athanor pull` begins one. A download goes on while the server runs, whoever began it.
    """


@command(
    "list",
    examples=(
        ("what is on its way", "athanor downloads list"),
        ("follow it", "athanor downloads list --watch"),
    ),
    answer=DownloadList,
)
@click.option("--watch", is_flag=True, help="Show every change until Ctrl-C.")
def list_(watch: bool, is_json: bool) -> int:
    """List the downloads, those that are over too.

    With --watch --json every line is the list after a change.
    """
    with running() as client:
        if not watch:
            _print(client.downloads(), is_json=is_json)
            return Exit.OK
        last: tuple[DownloadPicture, ...] | None = None
        with Live(console=stdout(), auto_refresh=False) as live:
            for event in client.events():
                if event.picture.downloads == last:
                    continue
                last = event.picture.downloads
                if is_json:
                    print_json(DownloadList(downloads=last), is_line=True)
                elif sys.stdout.isatty():
                    live.update(table_of(_COLUMNS, map(_row, last)), refresh=True)
                else:
                    _print(last, is_json=False)
    return Exit.OK


@command(
    "pause",
    examples=(("stop one for now", "athanor downloads pause 3f9a12bc"),),
    answer=DownloadPicture,
)
@click.argument("download", metavar="ID|NAME")
def pause(download: str, is_json: bool) -> int:
    """Pause a download; it keeps what has arrived."""
    with running() as client:
        paused = client.pause_download(_id_of(download, client.downloads()))
    return _told(paused, is_json=is_json)


@command(
    "resume",
    examples=(("go on where it stopped", "athanor downloads resume 3f9a12bc"),),
    answer=DownloadPicture,
)
@click.argument("download", metavar="ID|NAME")
def resume(download: str, is_json: bool) -> int:
    """Go on with a download that is paused or failed."""
    with running() as client:
        resumed = client.resume_download(_id_of(download, client.downloads()))
    return _told(resumed, is_json=is_json)


@command(
    "cancel",
    examples=(("give one up and delete what has arrived", "athanor downloads cancel 3f9a12bc"),),
    answer=DownloadPicture,
)
@click.argument("download", metavar="ID|NAME")
def cancel(download: str, is_json: bool) -> int:
    """Cancel a download and delete its bytes; one that is done is taken off the list, and stays."""
    with running() as client:
        removed = client.remove_download(_id_of(download, client.downloads()))
    if is_json:
        print_json(removed)
    elif removed.status == "done":
        stdout().print(f"{removed.name} is off the list; the model stays.", markup=False)
    else:
        stdout().print(f"{removed.name} is cancelled; its bytes are deleted.", markup=False)
    return Exit.OK


for _subcommand in (list_, pause, resume, cancel):
    downloads.add_command(_subcommand)


def _id_of(words: str, all_: Sequence[DownloadPicture]) -> str:
    """The id of the one download that is meant. Raises: NotFound."""
    for found in (
        [one for one in all_ if one.id == words],
        [one for one in all_ if words.casefold() == one.name.casefold()],
        [one for one in all_ if words.casefold() in one.name.casefold()],
    ):
        if len(found) == 1:
            return found[0].id
    raise NotFound(
        f"{words} means no one download", remedy="`athanor downloads list` shows the ids."
    )


def _print(all_: Sequence[DownloadPicture], *, is_json: bool) -> None:
    if is_json:
        print_json(DownloadList(downloads=tuple(all_)))
    elif all_:
        print_table(_COLUMNS, map(_row, all_))
    else:
        stdout().print("There are no downloads. `athanor pull NAME` begins one.", markup=False)


def _told(download: DownloadPicture, *, is_json: bool) -> int:
    if is_json:
        print_json(download)
    else:
        stdout().print(f"{download.name}: {STATUS_WORDS[download.status]}.", markup=False)
        if download.reason:
            note(download.reason)
    return Exit.OK


def _row(download: DownloadPicture) -> tuple[str, ...]:
    return (
        download.id,
        download.name,
        STATUS_WORDS[download.status],
        size(download.done_bytes),
        size(download.size_bytes),
        download.reason or rate_words(download),
    )
