"""Faces: which of them this desktop can show."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Literal

from app.tray.face import Face

Desktop = Literal["own", "items", "embedding", "waiting", "none"]
"""own: the system's one way (Windows, macOS). items: a host of StatusNotifierItems is there.
embedding: an older bar that swallows windows of X11. waiting: a session bus, whose host may come.
none: nobody looks at a screen."""


def face_here() -> Face | None:
    """The face for this desktop; None where there will never be one."""
    match desktop_here(sys.platform, _bus_here, _bar_here):
        case "own" | "embedding":
            from app.tray.panel.face import PanelFace  # noqa: PLC0415  # it looks for a display

            return PanelFace()
        case "items" | "waiting":
            from app.tray.bus.face import BusFace  # noqa: PLC0415  # Linux alone

            return BusFace()
        case "none":
            return None


def desktop_here(
    platform: str,
    bus: Callable[[], Literal["host", "no_host", "no_bus"]],
    has_embedding_bar: Callable[[], bool],
) -> Desktop:
    """What kind of desktop it is; the questions are asked only where they matter."""
    if platform in {"win32", "darwin"}:
        return "own"
    found = bus()
    if found == "host":
        return "items"
    if has_embedding_bar():
        return "embedding"
    return "waiting" if found == "no_host" else "none"


def _bus_here() -> Literal["host", "no_host", "no_bus"]:
    from app.tray.bus.host import look_for_host  # noqa: PLC0415  # Linux alone

    return asyncio.run(look_for_host())


def _bar_here() -> bool:
    from app.tray.panel.embedding import has_embedding_bar  # noqa: PLC0415  # needs X11

    return bool(os.environ.get("DISPLAY")) and has_embedding_bar()
