"""Awake: keeps the system from falling asleep by itself, while somebody holds it.

wakepy asks the desktop (GNOME and KDE over D-Bus), Windows or macOS; on Linux logind is asked
besides, which is all that a computer without a desktop has, and which shows our own name and
reason (`systemd-inhibit --list`). Each of them lets go when our process ends, however it ends.

wakepy keeps what it did in the thread that did it, so a hold is a thread that waits. The library
is imported by the first hold: 0.1 s and 6 MB that a server which answers nothing does without.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final, final

from app.server.hardware.surroundings.bus import Bus, BusFailed

log = logging.getLogger(__name__)

_LOGIND: Final = "org.freedesktop.login1"
_WHY: Final = "answers are being made"


@final
class Awake:
    """At most one hold at a time. Neither call waits for the system."""

    def __init__(self) -> None:
        self._release: threading.Event | None = None

    @property
    def is_held(self) -> bool:
        """Sleep is held off, as far as this system can be asked for that."""
        return self._release is not None

    def hold(self) -> threading.Event:
        """From now on the system stays awake; the event says that it was asked."""
        asked = threading.Event()
        if self._release is None:
            release = self._release = threading.Event()
            # A daemon: it waits for the end of the hold, and must not hold up the program's.
            thread = threading.Thread(target=_keep, args=(asked, release), daemon=True)
            thread.name = "awake"
            thread.start()
        else:
            asked.set()
        return asked

    def let_go(self) -> None:
        """The system may sleep."""
        if self._release is not None:
            self._release.set()
            self._release = None


def _keep(asked: threading.Event, release: threading.Event) -> None:
    from wakepy import keep  # noqa: PLC0415  # see the docstring

    with contextlib.ExitStack() as stack:
        mode = stack.enter_context(keep.running(on_fail="pass"))
        by = [str(mode.active_method)] if mode.active else []
        if sys.platform == "linux" and stack.enter_context(_held_by_logind()):
            by.append("logind")
        log.info(
            "the computer is kept awake" if by else "nothing here keeps the computer awake",
            extra={"by": ", ".join(by)} if by else {},
        )
        asked.set()
        release.wait()
    log.info("the computer may sleep")


@contextlib.contextmanager
def _held_by_logind() -> Iterator[bool]:
    """Whether logind keeps the computer awake inside: it falls asleep by its idle action alone.

    The kind `idle` and not `sleep`: whoever chooses to sleep is not to be refused.
    """
    bus = Bus.system()
    try:
        file = bus.take_file(
            _LOGIND,
            "/org/freedesktop/login1",
            f"{_LOGIND}.Manager.Inhibit",
            *("idle", "Athanor", _WHY, "block"),
        )
    except BusFailed:
        yield False
        return
    finally:
        bus.close()
    try:
        yield True
    finally:
        os.close(file)
