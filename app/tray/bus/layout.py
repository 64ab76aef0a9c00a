"""Layout: a menu as com.canonical.dbusmenu knows it: numbered nodes with properties. Pure.

A number stands for an item's key and is never given to another, so that a click on a menu that
was drawn a moment ago meets what its reader saw. Properties of an open menu change in place; only
where items come or go is the host told to read the layout again, since that closes the menu.
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

import msgspec

from app.tray.look.actions import Action
from app.tray.look.entries import Entry, Item, Menu, Separator

ROOT: Final = 0

Property = str | bool | int
Properties = dict[str, Property]

DEFAULTS: Final[Properties] = {
    "type": "standard",
    "label": "",
    "enabled": True,
    "visible": True,
    "toggle-type": "",
    "toggle-state": -1,
    "children-display": "",
}
"""What a property is that is not sent, by the protocol."""


@final
class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One item by its number."""

    properties: Properties
    children: tuple[int, ...] = ()
    action: Action | None = None
    """None: a click does nothing."""


@final
class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes of a menu by number; 0 is the root."""

    nodes: Mapping[int, Node]


@final
class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a host must be told to get from one layout to the next."""

    updated: tuple[tuple[int, Properties], ...] = ()
    removed: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """Properties that are back at their default."""
    is_rearranged: bool = False
    """Items came, went or moved: the layout is to be read again."""


@final
class Numbers:
    """The number of each key, for the life of the tray."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, key: str) -> int:
        """The key's number, a new one where it has none yet."""
        return self._numbers.setdefault(key, len(self._numbers) + 1)


def layout_of(menu: Menu, numbers: Numbers) -> Layout:
    """The menu's nodes; keys are unique in a menu."""
    nodes: dict[int, Node] = {}
    children = _place(menu, numbers, nodes)
    nodes[ROOT] = Node(properties={"children-display": "submenu"}, children=children)
    return Layout(nodes=nodes)


def change_between(before: Layout, after: Layout) -> Change:
    """The least that leads from one to the other."""
    updated: list[tuple[int, Properties]] = []
    removed: list[tuple[int, tuple[str, ...]]] = []
    for number, node in after.nodes.items():
        if number not in before.nodes:
            continue
        old = before.nodes[number].properties
        new = {name: each for name, each in node.properties.items() if old.get(name) != each}
        gone = tuple(name for name in old if name not in node.properties)
        if new:
            updated.append((number, new))
        if gone:
            removed.append((number, gone))
    return Change(
        updated=tuple(updated),
        removed=tuple(removed),
        is_rearranged={number: node.children for number, node in before.nodes.items()}
        != {number: node.children for number, node in after.nodes.items()},
    )


def wanted(properties: Properties, names: Sequence[str]) -> Properties:
    """Those that were asked for; no names mean all."""
    return {name: each for name, each in properties.items() if not names or name in names}


def _place(menu: Menu, numbers: Numbers, nodes: dict[int, Node]) -> tuple[int, ...]:
    placed = []
    for entry in menu:
        number = numbers.of(entry.key)
        assert number not in nodes, f"two items have the key {entry.key}"
        children = _place(entry.children, numbers, nodes) if isinstance(entry, Item) else ()
        nodes[number] = Node(
            properties=_properties(entry),
            children=children,
            action=entry.action if isinstance(entry, Item) and entry.is_enabled else None,
        )
        placed.append(number)
    return tuple(placed)


def _properties(entry: Entry) -> Properties:
    if isinstance(entry, Separator):
        return {"type": "separator"}
    # One underscore would be taken for the mark of the key that chooses the item.
    properties: Properties = {"label": entry.text.replace("_", "__")}
    if not entry.is_enabled:
        properties["enabled"] = False
    if entry.checked is not None:
        properties["toggle-type"] = "radio" if entry.is_radio else "checkmark"
        properties["toggle-state"] = int(entry.checked)
    if entry.children:
        properties["children-display"] = "submenu"
    return properties
