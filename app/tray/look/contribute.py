"""Contribute: the submenu by which the GPU is lent, and what a face says of the pool. Pure.

Why nothing is earned stands beside the switch, so that nobody has to look for it.
"""

from collections.abc import Iterator
from typing import Final

from app.core.sharing.rules import Mode
from app.core.state.mood import shortened
from app.tray.look.actions import OpenDashboard, Resume, SetSharing, Snooze
from app.tray.look.entries import Entry, Item, Separator
from app.wire.local import NodePicture

_LENGTH_MAX: Final = 80

_MODES: Final[tuple[tuple[Mode, str], ...]] = (
    ("off", "Off"),
    ("idle", "When idle"),
    ("always", "Always"),
)


def contribute(picture: NodePicture) -> Item:
    """The head of the submenu; without a pool there is nobody to lend to."""
    if picture.pool is None:
        return Item(key="contribute", label="Contribute GPU", reason="no pool is joined")
    return Item(key="contribute", label="Contribute GPU", children=tuple(_children(picture)))


def _children(picture: NodePicture) -> Iterator[Entry]:
    pool, neighbour = picture.pool, picture.neighbour
    assert pool is not None
    yield Item(key="today", label=pool.today_summary)
    yield Item(key="work", label=_sentence(pool.work_summary))
    yield Separator(key="after-today")
    mode = neighbour.mode if neighbour is not None else "off"
    for value, label in _MODES:
        yield Item(
            key=f"share:{value}",
            label=label,
            checked=mode == value,
            is_radio=True,
            action=SetSharing(mode=value),
        )
    yield Separator(key="after-modes")
    if neighbour is not None and neighbour.snoozed_until is not None:
        yield Item(key="unsnooze", label="Lend again now", action=Resume())
    else:
        reason = "nothing is lent" if mode == "off" else ""
        yield Item(
            key="finish",
            label="Finish current jobs, then pause until tomorrow",
            action=Snooze(until="tomorrow", finish=True),
            reason=reason,
        )
        yield Item(key="snooze", label="Snooze 1 hour", action=Snooze(until="hour"), reason=reason)
        yield Item(
            key="snooze-long",
            label="Snooze until tomorrow",
            action=Snooze(until="tomorrow"),
            reason=reason,
        )
    yield Separator(key="after-snooze")
    yield Item(key="sharing", label="Sharing and credits…", action=OpenDashboard(page="sharing"))


def pool_news(picture: NodePicture) -> Iterator[Item]:
    """Why the GPU is not lent although the owner wants that, while that lasts."""
    pool, neighbour = picture.pool, picture.neighbour
    if pool is None or neighbour is None or neighbour.mode == "off":
        return
    if neighbour.lending != "lend" or pool.link != "connected":
        words = f"Contributing: {pool.work_summary}"
        yield Item(
            key="pool", label=shortened(words, _LENGTH_MAX), action=OpenDashboard(page="sharing")
        )


def pool_details(picture: NodePicture) -> list[str]:
    """For a tooltip: what is done for others, or why nothing is, and what today brought."""
    pool = picture.pool
    if pool is None:
        return []
    return [_sentence(pool.work_summary), pool.today_summary]


def _sentence(words: str) -> str:
    return shortened(words[:1].upper() + words[1:], _LENGTH_MAX)
