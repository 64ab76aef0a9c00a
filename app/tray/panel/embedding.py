"""Embedding: the older kind of bar on X11, which swallows a small window of each program."""

import importlib.util


def has_embedding_bar() -> bool:
    """Whether there is such a bar, and a toolkit whose icon in it can be clicked.

    pystray can do it by GTK, which needs PyGObject of the system; its own X11 icon never gets a
    click (reference of packaging, 3.1), so that one is not used.
    """
    if importlib.util.find_spec("gi") is None:
        return False
    from Xlib import X, display, error  # noqa: PLC0415  # it is installed on Linux alone

    try:
        screen = display.Display()
    except (error.DisplayError, OSError):
        return False
    try:
        selection = screen.intern_atom(f"_NET_SYSTEM_TRAY_S{screen.get_default_screen()}")
        return bool(screen.get_selection_owner(selection) != X.NONE)
    finally:
        screen.close()
