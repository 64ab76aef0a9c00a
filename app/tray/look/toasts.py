"""Toasts: which of the things that happen are worth interrupting somebody for. Pure.

Only these: the first time that Athanor is ready, an update, a lost GPU, a finished download, a
pool that stopped for errors. Everything else is seen by who looks.
"""

from typing import Final, final

import msgspec

from app.wire.local import NodePicture

_SAID: Final = (
    ("gpu_lost", "The GPU was lost"),
    ("update_ready", "An update is ready"),
    ("pool_suspended", "Sharing has stopped"),
)
"""Beginnings of notices' keys that are said aloud, each with its heading."""


@final
class Toast(msgspec.Struct, frozen=True, kw_only=True):
    """A notification. A click on it opens the dashboard."""

    title: str
    body: str


def toasts_of(
    before: NodePicture | None, after: NodePicture, *, is_greeted: bool
) -> tuple[Toast, ...]:
    """What to say now that the picture is `after`; each matter once, as long as it lasts."""
    said: list[Toast] = []
    if greets(after, is_greeted=is_greeted):
        address = after.addresses[0] if after.addresses else ""
        body = f"Apps find it at {address}. Click here, or on the flame, for the dashboard."
        said.append(Toast(title="Athanor is ready", body=body))
    known = {notice.key for notice in before.notices} if before else set()
    for notice in after.notices:
        title = next((title for start, title in _SAID if notice.key.startswith(start)), "")
        if title and notice.key not in known:
            said.append(Toast(title=title, body=f"{notice.message} {notice.remedy}".strip()))
    said += _finished_downloads(before, after)
    return tuple(said)


def _finished_downloads(before: NodePicture | None, after: NodePicture) -> list[Toast]:
    """Those that ended well since `before`; what had ended when the tray came is no news."""
    if before is None:
        return []
    running = {download.id for download in before.downloads if download.status != "done"}
    return [
        Toast(title="Download finished", body=f"{download.model or download.name} is ready to use.")
        for download in after.downloads
        if download.status == "done" and download.id in running
    ]


def greets(after: NodePicture, *, is_greeted: bool) -> bool:
    """Whether this is the first time ever that Athanor is ready for this user."""
    return after.status == "serving" and not is_greeted
