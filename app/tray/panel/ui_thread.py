"""UiThread: work on the thread that the icon belongs to, and whether its menu is open there.

It reaches into pystray where that has no door (0.19.5, whose last release is of 2023): on Windows
the handlers of its window's messages, on macOS its status item.
"""

import queue
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    import pystray

_WORK_MESSAGE: Final = 0x8000 + 117
"""Of the range that Windows leaves to programs (WM_APP); pystray uses none of it."""

Work = Callable[[], None]


@final
class UiThread:
    """The thread of one icon. `on_menu` is told when its menu opens and closes (Windows)."""

    def __init__(self, icon: "pystray.Icon", on_menu: Callable[[bool], None]) -> None:
        self._icon = icon
        self._works: queue.SimpleQueue[Work] = queue.SimpleQueue()
        if sys.platform == "win32":
            self._listen_on_windows(on_menu)

    def do(self, work: Work) -> None:
        """Do it there; returns at once where that is another thread. Only while the icon runs."""
        if sys.platform == "darwin":
            from PyObjCTools import AppHelper  # noqa: PLC0415  # on macOS alone

            AppHelper.callAfter(work)
        elif sys.platform == "win32":
            from pystray._util import win32  # noqa: PLC0415  # on Windows alone

            self._works.put(work)
            win32.PostMessage(self._icon._hwnd, _WORK_MESSAGE, 0, 0)
        else:
            work()  # GTK's icon hands each call on by itself

    def _listen_on_windows(self, on_menu: Callable[[bool], None]) -> None:
        from pystray._util import win32  # noqa: PLC0415  # on Windows alone

        handlers = self._icon._message_handlers
        notified = handlers[win32.WM_NOTIFY]

        def on_notify(wparam: int, lparam: int) -> None:
            # The menu is shown, and closed again, within this call.
            on_menu(True)
            try:
                notified(wparam, lparam)
            finally:
                on_menu(False)

        def on_work(_: int, __: int) -> None:
            self._works.get()()

        handlers[win32.WM_NOTIFY] = on_notify
        handlers[_WORK_MESSAGE] = on_work


def prepare_system() -> None:
    """Before the first window: sharp icons, and notifications under our own name (Windows)."""
    if sys.platform == "win32":
        import contextlib  # noqa: PLC0415  # on Windows alone
        import ctypes  # noqa: PLC0415  # on Windows alone

        with contextlib.suppress(AttributeError, OSError):
            per_monitor_aware_v2 = ctypes.c_void_p(-4)
            ctypes.windll.user32.SetProcessDpiAwarenessContext(per_monitor_aware_v2)
        with contextlib.suppress(AttributeError, OSError):
            ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID("Athanor.Tray")


def make_template(icon: "pystray.Icon") -> None:
    """Let macOS colour the image itself, for light and dark bars and for a click."""
    if sys.platform == "darwin":
        icon._status_item.button().image().setTemplate_(True)
