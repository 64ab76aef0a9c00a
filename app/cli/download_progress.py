"""The progress of a download, told from the node's events: a bar, or lines where none can be."""

import sys
import time
from collections.abc import Iterator
from typing import Final

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.output import note, stderr
from app.client.client import Client
from app.core.base.errors import AthanorError
from app.core.state.view import duration, size
from app.wire.local import DownloadPicture

LINE_SECONDS: Final = 10.0
"""Between two lines in a pipe or a log."""

_OVER: Final = frozenset({"done", "failed", "paused"})

STATUS_WORDS: Final = {
    "queued": "waiting for its turn",
    "running": "downloading",
    "verifying": "checking",
    "paused": "paused",
    "done": "done",
    "failed": "failed",
}


class DownloadGone(AthanorError):
    """Somebody took the download off the list."""

    kind = "download_gone"


def follow(client: Client, download: DownloadPicture) -> DownloadPicture:
    """Shows the download until it is over, and gives its last state. Raises: DownloadGone."""
    if sys.stderr.isatty():
        return _with_bar(client, download)
    told_at, last = 0.0, download
    for last in changes(client, download):
        if time.monotonic() - told_at >= LINE_SECONDS or last.status in _OVER:
            told_at = time.monotonic()
            note(progress_words(last))
    return last


def changes(client: Client, download: DownloadPicture) -> Iterator[DownloadPicture]:
    """Each new state, the first one too, until it is over. Raises: DownloadGone."""
    yield download
    last = download
    while last.status not in _OVER:
        # A watch that was cut off begins anew; a server that is gone raises.
        for event in client.events():
            found = [one for one in event.picture.downloads if one.id == download.id]
            if not found:
                raise DownloadGone(f"the download of {download.name} was cancelled")
            if found[0] != last:
                last = found[0]
                yield last
            if last.status in _OVER:
                break


def progress_words(download: DownloadPicture) -> str:
    """How far it is, on one line."""
    words = [f"{download.name}: {STATUS_WORDS[download.status]}"]
    if download.status == "verifying":
        words.append(f"{_share(download.checked_bytes, download.size_bytes):.0%}")
    elif download.status != "done":
        share = _share(download.done_bytes, download.size_bytes)
        words.append(f"{size(download.done_bytes)} of {size(download.size_bytes)} ({share:.0%})")
    if rate := rate_words(download):
        words.append(rate)
    if download.reason:
        words.append(download.reason)
    return ", ".join(words)


def rate_words(download: DownloadPicture) -> str:
    """Speed and what remains of time; "" while nothing moves."""
    if download.status != "running" or download.bytes_per_second <= 0:
        return ""
    left = "" if download.seconds_left is None else f", {duration(download.seconds_left)} left"
    return f"{size(round(download.bytes_per_second))}/s{left}"


def _with_bar(client: Client, download: DownloadPicture) -> DownloadPicture:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[rate]}"),
    )
    last = download
    with Progress(*columns, console=stderr(), transient=True) as progress:
        task = progress.add_task("", total=max(1, download.size_bytes), rate="")
        for last in changes(client, download):
            is_checking = last.status == "verifying"
            progress.update(
                task,
                description=f"{escape(last.name)}: {STATUS_WORDS[last.status]}",
                completed=last.checked_bytes if is_checking else last.done_bytes,
                rate=rate_words(last),
            )
    return last


def _share(part: int, whole: int) -> float:
    return min(1.0, part / whole) if whole else 0.0
