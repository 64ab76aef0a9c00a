"""PanelFace: the icon by pystray, on Windows and macOS, and in older bars of X11.

pystray asks for care, and each rule here is one of its traps:

- On macOS every call must be made on the main thread, or the system ends the program.
- On Windows a menu that is rebuilt while it is open is destroyed under the cursor, and a text that
  is too long is refused with an exception.
- Its menu is rebuilt as a whole, so it is given a new one only when something in it changed.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Final, final

from PIL import Image

from app.tray.face import Perform, Seen
from app.tray.icons import icon_image
from app.tray.look.actions import OpenDashboard, OpenLink
from app.tray.look.entries import Entry, Menu, Separator, action_of
from app.tray.look.facts import Facts
from app.tray.look.look import TITLE, Look, look_of
from app.tray.look.toasts import Toast
from app.tray.panel.apple_links import hear_links
from app.tray.panel.bar import bar_here
from app.tray.panel.ui_thread import UiThread, make_template, prepare_system

_BACKEND_VARIABLE: Final = "PYSTRAY_BACKEND"
if sys.platform not in {"win32", "darwin"}:
    # Of its kinds for Linux the one whose icon can be clicked; it is chosen at the import.
    os.environ.setdefault(_BACKEND_VARIABLE, "gtk")
import pystray  # noqa: E402  # see above

_TITLE_LENGTH_MAX: Final = 127
_BODY_LENGTH_MAX: Final = 255
"""Of Windows' structures, their closing zero not counted."""
_ICON_SIZE: Final = 32 if sys.platform == "win32" else 64
"""Windows scales from 32 pixels; the others scale down."""

MakeIcon = Callable[[str, Image.Image, str, pystray.Menu], pystray.Icon]


@final
class PanelFace:
    """The tray's face by pystray; `make_icon` is its class of icons."""

    def __init__(self, make_icon: MakeIcon = pystray.Icon) -> None:
        self._make_icon = make_icon
        self._lock = threading.Lock()
        self._look = look_of(None, Facts())
        self._shown: Look | None = None
        self._is_menu_open = False
        self._is_stopped = False
        self._icon: pystray.Icon | None = None
        self._thread: UiThread | None = None
        self._perform: Perform = _ignore

    def run(self, perform: Perform, seen: Seen) -> None:
        """See Face."""
        prepare_system()
        self._perform = perform
        hear_links(lambda link: perform(OpenLink(link=link)))
        look = self._look
        icon = self._make_icon("athanor", _image(look), TITLE, self._menu(look))
        thread = UiThread(icon, self._set_menu_open)
        with self._lock:
            self._icon = icon

        def begin(_: pystray.Icon) -> None:
            thread.do(lambda: self._begin(icon, thread, seen))

        if not self._is_stopped:
            icon.run(setup=begin)

    def show(self, look: Look) -> None:
        """See Face."""
        with self._lock:
            self._look = look
            thread = self._thread
        if thread is not None:
            thread.do(self._paint)

    def notify(self, toast: Toast) -> None:
        """See Face."""
        with self._lock:
            thread, icon = self._thread, self._icon
        if thread is not None and icon is not None and icon.HAS_NOTIFICATION:
            body = toast.body[:_BODY_LENGTH_MAX]
            thread.do(lambda: icon.notify(body, toast.title))

    def stop(self) -> None:
        """See Face."""
        with self._lock:
            self._is_stopped = True
            thread, icon = self._thread, self._icon
        if thread is not None and icon is not None:
            thread.do(icon.stop)

    # --- on the thread of the icon -----------------------------------------------------------

    def _begin(self, icon: pystray.Icon, thread: UiThread, seen: Seen) -> None:
        icon.visible = True
        with self._lock:
            self._thread = thread
            is_stopped = self._is_stopped
        self._paint()
        seen(True)
        if is_stopped:
            icon.stop()

    def _paint(self) -> None:
        with self._lock:
            look, shown, icon = self._look, self._shown, self._icon
            if self._is_menu_open or icon is None:
                return  # it is painted when the menu closes
            self._shown = look
        if shown is None or look.mark != shown.mark:
            icon.icon = _image(look)
            make_template(icon)
        icon.title = look.short_tooltip(_TITLE_LENGTH_MAX)
        if shown is None or look.menu != shown.menu:
            icon.menu = self._menu(look)

    def _set_menu_open(self, is_open: bool) -> None:
        with self._lock:
            self._is_menu_open = is_open
        if not is_open:
            self._paint()

    # --- the menu ----------------------------------------------------------------------------

    def _menu(self, look: Look) -> pystray.Menu:
        # What a left click does, where the system has one: pystray looks for a default item.
        default = pystray.MenuItem(
            "", lambda: self._perform(OpenDashboard()), default=True, visible=False
        )
        return pystray.Menu(default, *self._entries(look.menu))

    def _entries(self, menu: Menu) -> list[pystray.MenuItem]:
        return [self._entry(entry) for entry in menu]

    def _entry(self, entry: Entry) -> pystray.MenuItem:
        if isinstance(entry, Separator):
            return pystray.Menu.SEPARATOR
        text = entry.text.replace("&", "&&") if sys.platform == "win32" else entry.text
        if entry.children:
            return pystray.MenuItem(text, pystray.Menu(*self._entries(entry.children)))
        key, checked = entry.key, entry.checked
        return pystray.MenuItem(
            text,
            lambda: self._clicked(key),
            checked=None if checked is None else lambda _: checked,
            radio=entry.is_radio,
            enabled=entry.is_enabled,
        )

    def _clicked(self, key: str) -> None:
        """By the item's key in the menu as it is now: what is gone cannot be done any more."""
        action = action_of(self._look.menu, key)
        if action is not None:
            self._perform(action)


def _image(look: Look) -> Image.Image:
    return icon_image(look.mark, bar_here(), _ICON_SIZE)


def _ignore(_: object) -> None:
    """Before `run` nothing can be clicked."""
