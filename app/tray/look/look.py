"""Look: everything that a face shows at one moment, as a value. Pure."""

from typing import Final, final

import msgspec

from app.tray.look.contribute import pool_details
from app.tray.look.entries import Menu
from app.tray.look.facts import Facts
from app.tray.look.menu import menu_of
from app.wire.local import Mood, NodePicture

TITLE: Final = "Athanor"
_LINES_MAX: Final = 5
"""In a tooltip; the page has the others."""


@final
class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Two looks that are equal need no painting."""

    mark: Mood
    """Which of the five icons."""
    headline: str
    details: tuple[str, ...]
    """Lines for a tooltip that has room: the reason why things are so."""
    menu: Menu

    def short_tooltip(self, length_max: int) -> str:
        """The tooltip where only so many characters fit (Windows cuts, ctypes refuses)."""
        text = f"{TITLE}: {self.headline}"
        return text if len(text) <= length_max else text[: length_max - 1] + "…"


def look_of(picture: NodePicture | None, facts: Facts) -> Look:
    """What to show now."""
    here = picture if facts.link == "here" else None
    return Look(
        mark=mark_of(here, facts),
        headline=_headline(here, facts),
        details=_details(here, facts),
        menu=menu_of(picture, facts),
    )


def mark_of(here: NodePicture | None, facts: Facts) -> Mood:
    """The icon; `here` is the picture of a server that answers now."""
    if facts.link == "leaving":
        return "asleep"
    if facts.trouble:
        return "attention"
    return "asleep" if here is None else here.mood


def _headline(here: NodePicture | None, facts: Facts) -> str:
    if facts.link == "gone":
        return "Not running"
    if facts.link == "leaving":
        return "Stopping"
    return "Starting" if here is None else here.headline or here.summary


def _details(here: NodePicture | None, facts: Facts) -> tuple[str, ...]:
    lines = [facts.trouble] if facts.trouble else []
    if here is not None:
        lines.append(here.summary)
        lines += pool_details(here)
        lines += [f"{notice.message} {notice.remedy}".strip() for notice in here.notices]
    return tuple(lines[:_LINES_MAX])
