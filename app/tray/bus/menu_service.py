"""MenuService: the menu on the bus, com.canonical.dbusmenu version 3.

The host draws it; we answer what it asks and tell what changed. Used on the bus's thread alone.
"""

from collections.abc import Callable
from typing import Annotated, Final, final

from dbus_fast import DBusError, PropertyAccess, Variant
from dbus_fast.annotations import (
    DBusBool,
    DBusInt32,
    DBusSignature,
    DBusStr,
    DBusUInt32,
    DBusVariant,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from app.tray.bus.layout import (
    DEFAULTS,
    ROOT,
    Numbers,
    Properties,
    Property,
    change_between,
    layout_of,
    wanted,
)
from app.tray.look.actions import Action
from app.tray.look.entries import Menu

MENU_PATH: Final = "/MenuBar"
MENU_INTERFACE: Final = "com.canonical.dbusmenu"
_UNKNOWN_ITEM: Final = "com.canonical.dbusmenu.UnknownId"

Ints = Annotated[list[int], DBusSignature("ai")]
Strs = Annotated[list[str], DBusSignature("as")]
Sent = dict[str, Variant]
NodeSent = list[object]
"""A number, its properties, and its children as variants of the same."""


@final
class MenuService(ServiceInterface):
    """What the host reads and clicks."""

    def __init__(self, perform: Callable[[Action], None]) -> None:
        super().__init__(MENU_INTERFACE)
        self._perform = perform
        self._numbers = Numbers()
        self._layout = layout_of((), self._numbers)
        self._revision = 1

    def put(self, menu: Menu) -> None:
        """The menu from now on; hosts are told what is different."""
        before, self._layout = self._layout, layout_of(menu, self._numbers)
        change = change_between(before, self._layout)
        if change.updated or change.removed:
            self._items_properties_updated(
                [[number, _sent(properties)] for number, properties in change.updated],
                [[number, list(names)] for number, names in change.removed],
            )
        if change.is_rearranged:
            self._revision += 1
            self._layout_updated()

    # --- what hosts ask ----------------------------------------------------------------------

    @dbus_property(name="Version", access=PropertyAccess.READ)
    def _version(self) -> DBusUInt32:
        return 3

    @dbus_property(name="TextDirection", access=PropertyAccess.READ)
    def _text_direction(self) -> DBusStr:
        return "ltr"

    @dbus_property(name="Status", access=PropertyAccess.READ)
    def _status(self) -> DBusStr:
        return "normal"

    @dbus_property(name="IconThemePath", access=PropertyAccess.READ)
    def _icon_theme_path(self) -> Strs:
        return []

    @dbus_method(name="GetLayout")
    def _get_layout(
        self, parent: DBusInt32, depth: DBusInt32, names: Strs
    ) -> Annotated[list[object], DBusSignature("u(ia{sv}av)")]:
        self._known(parent)
        return [self._revision, self._node(parent, depth, names)]

    @dbus_method(name="GetGroupProperties")
    def _get_group_properties(
        self, numbers: Ints, names: Strs
    ) -> Annotated[list[list[object]], DBusSignature("a(ia{sv})")]:
        nodes = self._layout.nodes
        return [
            [number, _sent(wanted(nodes[number].properties, names))]
            for number in (numbers or nodes)
            if number in nodes
        ]

    @dbus_method(name="GetProperty")
    def _get_property(self, number: DBusInt32, name: DBusStr) -> DBusVariant:
        self._known(number)
        value = {**DEFAULTS, **self._layout.nodes[number].properties}.get(name)
        if value is None:
            raise DBusError(_UNKNOWN_ITEM, f"no property is called {name}")
        return _variant(value)

    @dbus_method(name="Event")
    def _event(self, number: DBusInt32, event: DBusStr, _: DBusVariant, __: DBusUInt32) -> None:
        self._known(number)
        self._happened(number, event)

    @dbus_method(name="EventGroup")
    def _event_group(self, events: Annotated[list[list[object]], DBusSignature("a(isvu)")]) -> Ints:
        unknown = []
        for number, event, *_ in events:
            assert isinstance(number, int) and isinstance(event, str), "the signature says so"
            if number in self._layout.nodes:
                self._happened(number, event)
            else:
                unknown.append(number)
        return unknown

    @dbus_method(name="AboutToShow")
    def _about_to_show(self, _: DBusInt32) -> DBusBool:
        return False  # nothing needs to be read again: it was told when it changed

    @dbus_method(name="AboutToShowGroup")
    def _about_to_show_group(
        self, numbers: Ints
    ) -> Annotated[list[list[int]], DBusSignature("aiai")]:
        return [[], [number for number in numbers if number not in self._layout.nodes]]

    # --- what hosts are told -----------------------------------------------------------------

    @dbus_signal(name="ItemsPropertiesUpdated")
    def _items_properties_updated(
        self, updated: list[list[object]], removed: list[list[object]]
    ) -> Annotated[list[object], DBusSignature("a(ia{sv})a(ias)")]:
        return [updated, removed]

    @dbus_signal(name="LayoutUpdated")
    def _layout_updated(self) -> Annotated[list[int], DBusSignature("ui")]:
        return [self._revision, ROOT]

    # --- within ------------------------------------------------------------------------------

    def _known(self, number: int) -> None:
        if number not in self._layout.nodes:
            raise DBusError(_UNKNOWN_ITEM, f"no item has the number {number}")

    def _happened(self, number: int, event: str) -> None:
        node = self._layout.nodes[number]
        if event != "clicked" or node.action is None:
            return
        if "toggle-state" in node.properties:
            # Some hosts tick at the click; if nothing comes of it, the tick must not stay.
            state: Properties = {"toggle-state": node.properties["toggle-state"]}
            self._items_properties_updated([[number, _sent(state)]], [])
        self._perform(node.action)

    def _node(self, number: int, depth: int, names: list[str]) -> NodeSent:
        """The node with its children, `depth` levels of them; all where it is below 0."""
        node = self._layout.nodes[number]
        children = node.children if depth else ()
        return [
            number,
            _sent(wanted(node.properties, names)),
            [Variant("(ia{sv}av)", self._node(child, depth - 1, names)) for child in children],
        ]


def _sent(properties: Properties) -> Sent:
    return {name: _variant(value) for name, value in properties.items()}


def _variant(value: Property) -> Variant:
    match value:
        case bool():
            return Variant("b", value)
        case int():
            return Variant("i", value)
        case str():
            return Variant("s", value)
