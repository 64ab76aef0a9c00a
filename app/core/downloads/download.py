"""Download: a model on its way to this machine, and which of its states may follow which.

    queued ──start──> running ──check──> verifying ──finish──> done
      ^  │               │                   │
      │  └────pause──────┴───────────────────┤
      │                  v                   v
      └──resume──── paused, failed <──fail───┘        a full disk pauses, with what is missing

Each function answers in every state: what cannot be is no change. Times are seconds since 1970 of
the node's clock. What the hub and the repository say of themselves is a stranger's text.
"""

from typing import Final, Literal, NewType, final

import msgspec
from msgspec.structs import replace

DownloadId = NewType("DownloadId", str)
"""Short, random and safe to show."""

Status = Literal["queued", "running", "verifying", "paused", "done", "failed"]

Cause = Literal[
    "",
    "asked",
    "restart",
    "disk_full",
    "unreachable",
    "not_found",
    "access",
    "busy",
    "folder",
    "content",
    "refused",
    "broken",
]
"""Why it is paused or failed. asked: by the owner. restart: the server was ended. broken: our own
process for it fell. The others are the words of a download child."""

ACTIVE: Final[frozenset[Status]] = frozenset({"running", "verifying"})
"""States in which a child is at work."""

_WAITING: Final[frozenset[Status]] = frozenset({"queued", "running", "verifying"})

RATE_SECONDS: Final = 5.0
"""What the shown speed is a mean of: long enough to be read, short enough to be true."""


@final
class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a download."""

    path: str
    """In the repository."""
    name: str
    """Below the repository's folder on this machine."""
    size: int
    sha256: str


@final
class Download(msgspec.Struct, frozen=True, kw_only=True):
    """One download as every face shows it."""

    id: DownloadId
    repository: str
    revision: str
    """The commit whose files are meant."""
    name: str
    """What the owner is shown: repository and quantisation."""
    files: tuple[File, ...]
    asked_at: float
    status: Status = "queued"
    cause: Cause = ""
    reason: str = ""
    remedy: str = ""
    ended_at: float | None = None
    done_bytes: int = 0
    """On the disk."""
    checked_bytes: int = 0
    """Whose hash was computed, while verifying."""
    missing_bytes: int = 0
    """Room that a full disk lacks."""
    bytes_per_second: float = 0.0
    model: str = ""
    """When done: its name in the library."""
    moved_at: float = 0.0
    """When `done_bytes` was last told; 0 before the first time of this try."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def bytes_left(self) -> int:
        """What is still to come."""
        return max(0, self.size - self.done_bytes)

    @property
    def seconds_left(self) -> float | None:
        """At the present speed; None where nothing moves."""
        if self.status != "running" or self.bytes_per_second <= 0:
            return None
        return self.bytes_left / self.bytes_per_second


def start(download: Download) -> Download:
    """A child is at work."""
    if download.status != "queued":
        return download
    return replace(_clean(download), status="running", moved_at=0.0)


def moved(download: Download, done_bytes: int, now: float) -> Download:
    """So many bytes are on the disk."""
    if download.status != "running":
        return download
    rate, seconds = download.bytes_per_second, now - download.moved_at
    # The first number tells where an earlier try had come to; nothing moved for it.
    if download.moved_at and seconds > 0:
        speed = max(0, done_bytes - download.done_bytes) / seconds
        rate = rate + min(1.0, seconds / RATE_SECONDS) * (speed - rate) if rate else speed
    return replace(download, done_bytes=done_bytes, bytes_per_second=rate, moved_at=now)


def verified(download: Download, checked_bytes: int) -> Download:
    """All is on the disk, and so much of it is hashed."""
    if download.status not in ACTIVE:
        return download
    return replace(
        download,
        status="verifying",
        done_bytes=download.size,
        checked_bytes=checked_bytes,
        bytes_per_second=0.0,
    )


def finish(download: Download, now: float) -> Download:
    """Every file is checked and in its place."""
    if download.status not in ACTIVE:
        return download
    return replace(
        _clean(download),
        status="done",
        done_bytes=download.size,
        checked_bytes=download.size,
        ended_at=now,
    )


def pause(download: Download, cause: Literal["asked", "restart"]) -> Download:
    """It stops and keeps what it has."""
    if download.status not in _WAITING:
        return download
    words = "" if cause == "asked" else "Athanor was ended."
    return replace(_clean(download), status="paused", cause=cause, reason=words)


def resume(download: Download) -> Download:
    """It waits for its turn again."""
    if download.status not in {"paused", "failed"}:
        return download
    return replace(_clean(download), status="queued")


def fail(
    download: Download, cause: Cause, reason: str, remedy: str = "", *, missing_bytes: int = 0
) -> Download:
    """It came to nothing; what it has is kept. A full disk is a pause that ends by itself."""
    if download.status not in ACTIVE:
        return download
    if cause == "disk_full":
        return replace(
            _clean(download),
            status="paused",
            cause=cause,
            reason=f"The disk is full: {gigabytes(missing_bytes)} more must be free.",
            remedy="It goes on by itself when there is room.",
            missing_bytes=missing_bytes,
        )
    return replace(_clean(download), status="failed", cause=cause, reason=reason, remedy=remedy)


def gigabytes(count: int) -> str:
    """Bytes in GB of 1000, rounded up to a tenth: who makes room must not be told too little."""
    tenths = -(-count // 100_000_000)
    return f"{tenths / 10:.1f} GB"


def _clean(download: Download) -> Download:
    """Without what only the last state meant."""
    return replace(
        download,
        cause="",
        reason="",
        remedy="",
        checked_bytes=0,
        missing_bytes=0,
        bytes_per_second=0.0,
        ended_at=None,
    )
