"""Entries: a menu as a value, which each face draws by its own means."""

from collections.abc import Iterator
from typing import final

import msgspec

from app.tray.look.actions import Action


@final
class Separator(msgspec.Struct, frozen=True, kw_only=True):
    """A line between two groups."""

    key: str


@final
class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a menu."""

    key: str
    """Stays while the item means the same, so that a click on an open menu meets what it saw."""
    label: str
    action: Action | None = None
    """None: a statement, or the head of a submenu."""
    reason: str = ""
    """Why it cannot be clicked; "" where it can, and where nothing is promised (a statement)."""
    checked: bool | None = None
    """None: there is nothing to tick."""
    is_radio: bool = False
    children: tuple["Entry", ...] = ()

    @property
    def is_enabled(self) -> bool:
        """Whether a click does something, or opens the submenu."""
        return not self.reason and (self.action is not None or bool(self.children))

    @property
    def text(self) -> str:
        """The label, and why it cannot be clicked: a menu has no other place to say so."""
        return f"{self.label} — {self.reason}" if self.reason else self.label


Entry = Item | Separator
Menu = tuple[Entry, ...]


def items_of(menu: Menu) -> Iterator[Item]:
    """Every item, those of submenus too, in the order of the screen."""
    for entry in menu:
        if isinstance(entry, Item):
            yield entry
            yield from items_of(entry.children)


def action_of(menu: Menu, key: str) -> Action | None:
    """What a click on the item does; None where it is gone or cannot be clicked."""
    for item in items_of(menu):
        if item.key == key and item.is_enabled:
            return item.action
    return None
