"""XClipboard: the clipboard of X11 without any program for it, also under Wayland's X11.

On X11 a clipboard is no place but a promise: whoever copied answers, each time somebody pastes,
until somebody else copies. So one thread of the tray stays behind and answers.

Source: ICCCM, section 2 (peer-to-peer communication by means of selections).
"""

import logging
import threading

from Xlib import X, Xatom, display, error
from Xlib.protocol import event

log = logging.getLogger(__name__)


def hold_text(text: str, screen: str) -> bool:
    """Whether the text is on the clipboard of that screen now, until somebody else copies."""
    try:
        connection = display.Display(screen)
    except (error.DisplayError, error.XError, OSError):
        return False
    root = connection.screen().root
    window = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
    clipboard = connection.intern_atom("CLIPBOARD")
    window.set_selection_owner(clipboard, X.CurrentTime)
    if connection.get_selection_owner(clipboard) != window:
        connection.close()
        return False
    threading.Thread(
        target=_answer, args=(connection, text.encode()), name="clipboard", daemon=True
    ).start()
    return True


def _answer(connection: "display.Display", text: bytes) -> None:
    """Until another program copies, or the screen is gone."""
    try:
        while True:
            asked = connection.next_event()
            if asked.type == X.SelectionClear:
                break
            if asked.type == X.SelectionRequest:
                _give(connection, asked, text)
    except (error.ConnectionClosedError, error.XError, OSError):
        log.info("the screen with the clipboard is gone")
        return
    connection.close()


def _give(connection: "display.Display", asked: "event.SelectionRequest", text: bytes) -> None:
    """The text, or which forms of it there are, as a property of the window that asks."""
    utf8, targets = connection.intern_atom("UTF8_STRING"), connection.intern_atom("TARGETS")
    forms = [utf8, Xatom.STRING, connection.intern_atom("text/plain;charset=utf-8")]
    # Programs from before ICCCM name no property and mean the form.
    place = asked.property or asked.target
    if asked.target == targets:
        asked.requestor.change_property(place, Xatom.ATOM, 32, [targets, *forms])
    elif asked.target in forms:
        asked.requestor.change_property(place, asked.target, 8, text)
    else:
        place = X.NONE
    answer = event.SelectionNotify(
        time=asked.time,
        requestor=asked.requestor,
        selection=asked.selection,
        target=asked.target,
        property=place,
    )
    asked.requestor.send_event(answer)
    connection.flush()
