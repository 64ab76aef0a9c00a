"""Main: the tray process, from the first word of the command line to its exit status."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from app.client.errors import NoServer
from app.core.base.errors import AthanorError
from app.observe.logging import set_up
from app.settings.paths import HOME_VARIABLE, Paths
from app.tray.command_line import TrayFlags
from app.tray.face import Face
from app.tray.faces import face_here
from app.tray.life.own_server import ServerStarter
from app.tray.life.said_once import SaidOnce
from app.tray.life.succession import go_on_as
from app.tray.life.tray import NO_TRAY, Tray, follow_link, open_dashboard, say
from app.tray.life.tray_lock import TrayLock
from app.tray.look.actions import Quit
from app.wire.link import LINK_LENGTH_MAX

log = logging.getLogger(__name__)


def main(flags: TrayFlags) -> int:
    """Run the tray; the exit status."""
    if flags.home:
        os.environ[HOME_VARIABLE] = flags.home
    try:
        link = _link_of_stdin() if flags.has_link else ""
        return _run(Paths.find(), is_background=flags.is_background, link=link)
    except AthanorError as error:
        say(f"error: {error.message}\n{error.remedy}".rstrip())
    except OSError as error:
        say(f"error: {error}")
    return 1


def _link_of_stdin() -> str:
    """One line; "" where there is none, as in a program without standard streams."""
    return "" if sys.stdin is None else sys.stdin.readline(LINK_LENGTH_MAX + 1).strip()


def _run(paths: Paths, *, is_background: bool, link: str) -> int:
    paths.ensure()
    lock = TrayLock.take(paths.tray_lock_file)
    if lock is None:
        if link:
            follow_link(paths, link)
        elif not is_background:
            _say_second(paths)
        return 0
    successor = None
    try:
        set_up("info", paths.tray_log_file)
        face = face_here()
        if face is None:
            _serve_without_face(paths, lock, is_background=is_background, link=link)
        else:
            successor = _show(face, paths, lock, is_background=is_background, link=link)
    finally:
        lock.close()
    if successor is not None:
        go_on_as(successor)
    return 0


def _show(
    face: Face, paths: Paths, lock: TrayLock, *, is_background: bool, link: str
) -> Path | None:
    """Returns when the tray ends; the program to go on as, if any."""
    said = SaidOnce(paths.tray_memory_file)
    tray = Tray(paths, face, lock, said, is_background=is_background, link=link)

    def on_signal(_: int, __: FrameType | None) -> None:
        tray.perform(Quit())

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    # A bug in a thread would leave an icon that does nothing; the server lives on either way.
    threading.excepthook = lambda failure: _end_with_bug(face, failure)
    tray.run()
    return tray.successor


def _end_with_bug(face: Face, failure: threading.ExceptHookArgs) -> None:
    log.error(
        "a thread of the tray has failed",
        exc_info=(failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback),
    )
    face.stop()


def _serve_without_face(paths: Paths, lock: TrayLock, *, is_background: bool, link: str) -> None:
    """Nowhere to show an icon, now or later: the server runs, and its page does what it would.

    Raises: ServerSilent.
    """
    ServerStarter(paths, lock, lambda _: None).start()
    say(NO_TRAY)
    if link:
        follow_link(paths, link)
    elif not is_background:
        open_dashboard(paths, "")


def _say_second(paths: Paths) -> None:
    say("Athanor's tray runs already; opening the dashboard instead.")
    try:
        open_dashboard(paths, "")
    except NoServer:
        say("No server is running; its icon's menu starts one.")
