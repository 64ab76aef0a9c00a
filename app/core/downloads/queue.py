"""Queue: which downloads go on now, and what becomes of a new wish that is an old one. Pure."""

from collections.abc import Iterable, Sequence

from app.core.downloads.download import ACTIVE, Download, File


def next_ones(downloads: Iterable[Download], at_once: int) -> tuple[Download, ...]:
    """The queued ones that start now, oldest first, so that no more than `at_once` are active."""
    ordered = sorted(downloads, key=lambda one: (one.asked_at, one.id))
    places = at_once - sum(one.status in ACTIVE for one in ordered)
    queued = [one for one in ordered if one.status == "queued"]
    return tuple(queued[: max(0, places)])


def same_as(
    downloads: Iterable[Download], repository: str, files: Sequence[File]
) -> Download | None:
    """The download that brings the same content to the same folder already."""
    wanted = {(file.name, file.sha256) for file in files}
    for one in downloads:
        if one.repository == repository and {(f.name, f.sha256) for f in one.files} == wanted:
            return one
    return None


def in_the_way(downloads: Iterable[Download], repository: str, files: Sequence[File]) -> bool:
    """Whether another download that is not over writes one of these files with other content."""
    wanted = {file.name.casefold() for file in files}
    return any(
        one.repository.casefold() == repository.casefold()
        and one.status != "done"
        and any(file.name.casefold() in wanted for file in one.files)
        for one in downloads
    )


def has_room(download: Download, free_bytes: int, free_bytes_min: int) -> bool:
    """Whether what is still to come fits on the disk and leaves free what must stay so."""
    return free_bytes - free_bytes_min >= download.bytes_left
