"""ItemService: the icon on the bus, org.kde.StatusNotifierItem.

The icon travels as pixels, so that it needs no theme and no file that the host can read. Used on
the bus's thread alone.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, final

from dbus_fast import PropertyAccess
from dbus_fast.annotations import (
    DBusBool,
    DBusInt32,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from app.tray.bus.menu_service import MENU_PATH
from app.tray.icons import Pixels
from app.tray.look.actions import Action, OpenDashboard
from app.tray.look.look import TITLE, Look

ITEM_PATH: Final = "/StatusNotifierItem"
ITEM_INTERFACE: Final = "org.kde.StatusNotifierItem"

Pixmaps = Annotated[list[list[object]], DBusSignature("a(iiay)")]
"""Width, height and ARGB bytes of each size; a host takes the nearest."""

PixelsOf = Callable[[str], Sequence[Pixels]]
"""The images of a mark in all sizes, for the bar that there is."""


@final
class ItemService(ServiceInterface):
    """What the host draws, and what it tells of clicks."""

    def __init__(self, look: Look, pixels_of: PixelsOf, perform: Callable[[Action], None]) -> None:
        super().__init__(ITEM_INTERFACE)
        self._look = look
        self._pixels_of = pixels_of
        self._perform = perform

    def put(self, look: Look) -> None:
        """The look from now on; hosts are told what is different."""
        before, self._look = self._look, look
        if look.mark != before.mark:
            self._new_icon()
        if (look.headline, look.details) != (before.headline, before.details):
            self._new_tool_tip()

    def repaint(self) -> None:
        """The bar's colour has changed, so the same mark has other pixels."""
        self._new_icon()

    # --- what hosts read ---------------------------------------------------------------------

    @dbus_property(name="Category", access=PropertyAccess.READ)
    def _category(self) -> DBusStr:
        return "ApplicationStatus"

    @dbus_property(name="Id", access=PropertyAccess.READ)
    def _id(self) -> DBusStr:
        return "athanor"

    @dbus_property(name="Title", access=PropertyAccess.READ)
    def _title(self) -> DBusStr:
        return TITLE

    @dbus_property(name="Status", access=PropertyAccess.READ)
    def _status(self) -> DBusStr:
        # Never Passive, which hides the icon: whoever looks for it must find it.
        return "Active"

    @dbus_property(name="WindowId", access=PropertyAccess.READ)
    def _window_id(self) -> DBusInt32:
        return 0

    @dbus_property(name="IconThemePath", access=PropertyAccess.READ)
    def _icon_theme_path(self) -> DBusStr:
        return ""

    @dbus_property(name="IconName", access=PropertyAccess.READ)
    def _icon_name(self) -> DBusStr:
        return ""  # a name would win over the pixels

    @dbus_property(name="IconPixmap", access=PropertyAccess.READ)
    def _icon_pixmap(self) -> Pixmaps:
        return [[each.width, each.height, each.argb] for each in self._pixels_of(self._look.mark)]

    @dbus_property(name="IconAccessibleDesc", access=PropertyAccess.READ)
    def _icon_accessible_description(self) -> DBusStr:
        return f"{TITLE}: {self._look.headline}"

    @dbus_property(name="OverlayIconName", access=PropertyAccess.READ)
    def _overlay_icon_name(self) -> DBusStr:
        return ""

    @dbus_property(name="OverlayIconPixmap", access=PropertyAccess.READ)
    def _overlay_icon_pixmap(self) -> Pixmaps:
        return []

    @dbus_property(name="AttentionIconName", access=PropertyAccess.READ)
    def _attention_icon_name(self) -> DBusStr:
        return ""

    @dbus_property(name="AttentionIconPixmap", access=PropertyAccess.READ)
    def _attention_icon_pixmap(self) -> Pixmaps:
        return []

    @dbus_property(name="AttentionMovieName", access=PropertyAccess.READ)
    def _attention_movie_name(self) -> DBusStr:
        return ""

    @dbus_property(name="ToolTip", access=PropertyAccess.READ)
    def _tool_tip(self) -> Annotated[list[object], DBusSignature("(sa(iiay)ss)")]:
        body = "\n".join(_plain(line) for line in self._look.details)
        return ["", [], f"{TITLE}: {self._look.headline}", body]

    @dbus_property(name="ItemIsMenu", access=PropertyAccess.READ)
    def _item_is_menu(self) -> DBusBool:
        return False  # a left click is ours: it opens the dashboard

    @dbus_property(name="Menu", access=PropertyAccess.READ)
    def _menu(self) -> DBusObjectPath:
        return MENU_PATH

    # --- clicks ------------------------------------------------------------------------------

    @dbus_method(name="Activate")
    def _activate(self, _: DBusInt32, __: DBusInt32) -> None:
        self._perform(OpenDashboard())

    @dbus_method(name="SecondaryActivate")
    def _secondary_activate(self, _: DBusInt32, __: DBusInt32) -> None:
        self._perform(OpenDashboard())

    @dbus_method(name="ContextMenu")
    def _context_menu(self, _: DBusInt32, __: DBusInt32) -> None:
        """The host shows the menu by itself, since it has its path."""

    @dbus_method(name="Scroll")
    def _scroll(self, _: DBusInt32, __: DBusStr) -> None:
        """Nothing of ours goes up or down."""

    # --- what hosts are told -----------------------------------------------------------------

    @dbus_signal(name="NewIcon")
    def _new_icon(self) -> None: ...

    @dbus_signal(name="NewToolTip")
    def _new_tool_tip(self) -> None: ...

    @dbus_signal(name="NewTitle")
    def _new_title(self) -> None: ...

    @dbus_signal(name="NewStatus")
    def _new_status(self) -> DBusStr:
        return "Active"


def _plain(line: str) -> str:
    """A tooltip's body is markup; a model's name must not be any."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
