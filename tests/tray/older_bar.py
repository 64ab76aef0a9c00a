"""An older kind of bar on an X11 screen: it swallows a window of each program that asks.

Source: freedesktop's System Tray Protocol and XEmbed, as far as one icon needs them.
"""

import threading
from typing import Final

from Xlib import X, display
from Xlib.error import ConnectionClosedError
from Xlib.protocol import event
from Xlib.xobject.drawable import Window

from tests.tray.host import WAIT_SECONDS

ICON_PIXELS: Final = 32
_DOCK: Final = 0
_EMBEDDED: Final = 0


class OlderBar:
    """The bar at the left upper edge of `screen`; its icons are at `place`."""

    place: Final = (6, 6)
    """Within an icon, also one that keeps to a smaller size than it is given."""

    def __init__(self, screen: str) -> None:
        self._display = display.Display(screen)
        self._root = self._display.screen().root
        self._swallowed = threading.Event()
        self._opened = threading.Event()
        self._icons: set[int] = set()
        root, black = self._root, self._display.screen().black_pixel
        root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._bar = root.create_window(
            0, 0, ICON_PIXELS, ICON_PIXELS, 0, X.CopyFromParent, X.InputOutput,
            background_pixel=black, override_redirect=True, event_mask=X.SubstructureNotifyMask,
        )  # fmt: skip
        self._bar.map()
        self._own_selection()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait_for_icon(self) -> None:
        """A program's icon is in the bar."""
        assert self._swallowed.wait(WAIT_SECONDS), "no program asked for a place in the bar"

    def wait_for_menu(self) -> None:
        """Another window was opened on the screen since the icon came."""
        assert self._opened.wait(WAIT_SECONDS), "no menu was opened"

    def _own_selection(self) -> None:
        screen = self._display.get_default_screen()
        selection = self._atom(f"_NET_SYSTEM_TRAY_S{screen}")
        self._bar.set_selection_owner(selection, X.CurrentTime)
        words = (32, [X.CurrentTime, selection, self._bar.id, 0, 0])
        told = event.ClientMessage(window=self._root, client_type=self._atom("MANAGER"), data=words)
        self._root.send_event(told, event_mask=X.StructureNotifyMask)
        self._display.flush()

    def _serve(self) -> None:
        opcode = self._atom("_NET_SYSTEM_TRAY_OPCODE")
        while True:
            try:
                heard = self._display.next_event()
            except ConnectionClosedError:
                return  # The screen is gone, and the test over.
            if heard.type == X.ClientMessage and heard.client_type == opcode:
                if heard.data[1][1] == _DOCK:
                    self._swallow(self._display.create_resource_object("window", heard.data[1][2]))
            elif heard.type == X.MapNotify and self._is_another(heard.window):
                self._opened.set()

    def _is_another(self, window: Window) -> bool:
        """Than the bar and its icons, after the first of these came."""
        return self._swallowed.is_set() and window.id not in self._icons | {self._bar.id}

    def _swallow(self, icon: Window) -> None:
        self._icons.add(icon.id)
        icon.reparent(self._bar, 0, 0)
        icon.configure(width=ICON_PIXELS, height=ICON_PIXELS)
        words = (32, [X.CurrentTime, _EMBEDDED, 0, self._bar.id, 0])
        told = event.ClientMessage(window=icon, client_type=self._atom("_XEMBED"), data=words)
        icon.send_event(told)
        icon.map()
        self._display.sync()
        self._swallowed.set()

    def _atom(self, name: str) -> int:
        found: int = self._display.intern_atom(name)
        return found
