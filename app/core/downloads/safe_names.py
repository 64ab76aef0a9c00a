"""Safe names: what a stranger's repository may call its files on this machine.

A name becomes a path on the owner's disk, a word in pages and terminals, and an argument of
commands, on three systems. Whatever one of them could misread is refused on all.
"""

import re
from collections.abc import Iterable
from typing import Final

NAME_BYTES_MAX: Final = 200
"""A part of a path; file systems take 255, less what we put behind it."""

DEPTH_MAX: Final = 4
"""Folders below the repository's own; what lies deeper the library would not find."""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u200b-\u200f\u2028-\u202e\ufeff]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def is_repository(name: str) -> bool:
    """Whether this can be the name of a repository: `owner/name`, plain characters."""
    return bool(_REPOSITORY.fullmatch(name)) and not any(
        part.endswith((".", ".git")) or ".." in part for part in name.split("/")
    )


def refusal_of(path: str) -> str:
    """Why a file's path in a repository may not become one on this machine; "" when it may."""
    parts = path.split("/")
    if not path or any(part in {"", ".", ".."} for part in parts):
        return "its path leads elsewhere"
    if len(parts) > DEPTH_MAX + 1:
        return "it lies in too many folders"
    for part in parts:
        if _UNSAFE.search(part) or any("\ud800" <= character <= "\udfff" for character in part):
            return "its name has characters that are not safe in file names"
        if part.startswith((".", "-", "~")) or part.endswith((".", " ")) or part != part.strip():
            return "its name begins or ends in a way that systems misread"
        if _DEVICES.match(part):
            return "its name is that of a device on Windows"
        if len(part.encode()) > NAME_BYTES_MAX:
            return "its name is too long"
    return ""


def placed_name(path: str, others: Iterable[str]) -> str:
    """Where a file lies below its repository's folder, given the paths of the others there.

    Without its folders, since the library reads publisher and repository from the two folders
    above a file; with them where another file would have the same name.
    """
    name = path.rsplit("/", 1)[-1]
    folded = name.casefold()
    is_alone = all(
        other == path or other.rsplit("/", 1)[-1].casefold() != folded for other in others
    )
    return name if is_alone else path
