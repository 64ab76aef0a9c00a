"""Tray: joins what is known, what is shown and what is clicked.

Three kinds of threads meet here. The face's thread calls `perform`, which hands the work to a
thread of its own and returns. The follower's thread tells what the server says. The painter alone
shows a look, and at most once a second, since some hosts close an open menu when it changes.

Rule: `_picture` and `_facts` change under `_lock` only, and nothing is called under it.
"""

import logging
import sys
import threading
from pathlib import Path
from typing import Final, assert_never, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError
from app.settings.autostart.autostart import Switch
from app.settings.paths import Paths
from app.tray.face import Face
from app.tray.life import wishes
from app.tray.life.clipboard import copy_text
from app.tray.life.follower import Follower
from app.tray.life.opening import has_display, open_on_screen
from app.tray.life.own_server import ServerStarter
from app.tray.life.said_once import SaidOnce
from app.tray.life.succession import successor_of
from app.tray.life.tray_lock import TrayLock
from app.tray.look.actions import (
    Action,
    CopyAddress,
    Dismiss,
    FreeMemory,
    LoadModel,
    OpenDashboard,
    OpenFile,
    OpenLink,
    Page,
    Quit,
    RestartToUpdate,
    Resume,
    SetAutostart,
    SetSharing,
    Snooze,
    StartServer,
    UnloadModel,
)
from app.tray.look.facts import Facts, Link, Shelved
from app.tray.look.look import look_of
from app.tray.look.toasts import Toast, greets, toasts_of
from app.wire.local import NodePicture, ServerLock

log = logging.getLogger(__name__)

_PAINT_SECONDS: Final = 1.0
"""Least time between two looks; the first change is shown at once."""
_HOST_SECONDS: Final = 10.0
"""A desktop that starts brings its bar a while after its programs."""


@final
class Tray:
    """One tray, from its start to its end."""

    def __init__(
        self,
        paths: Paths,
        face: Face,
        lock: TrayLock,
        said: SaidOnce,
        *,
        is_background: bool,
        link: str = "",
    ) -> None:
        self._paths = paths
        self._face = face
        self._said = said
        self._is_background = is_background
        self._link = link
        self._lock = threading.Lock()
        self._picture: NodePicture | None = None
        self._facts = Facts()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._is_seen: bool | None = None
        self._is_handing_over = False
        """Our own server ends for another version, whose server is ours too."""
        self.successor: Path | None = None
        """The program that this one goes on as when `run` has returned; None for none."""
        self._starter = ServerStarter(paths, lock, self._own_server_ended)
        self._follower = Follower(paths, self)

    def run(self) -> None:
        """Show the icon until somebody quits, or the desktop ends. On the main thread."""
        self._changed.set()
        for name, target in (("painter", self._paint), ("follower", self._follower.run)):
            threading.Thread(target=target, name=name, daemon=True).start()
        self.perform(self._first_action())
        try:
            self._face.run(self.perform, self._seen)
        finally:
            self._ended.set()
            self._changed.set()

    def perform(self, action: Action) -> None:
        """Do it, on a thread of its own; returns at once."""
        name = type(action).__name__
        threading.Thread(target=self._work, args=(action,), name=name, daemon=True).start()

    def _first_action(self) -> Action:
        if self._link:
            return OpenLink(link=self._link)
        return StartServer() if self._is_background else OpenDashboard()

    # --- what the server says (the follower's thread) ----------------------------------------

    def met(self, server: ServerLock) -> None:
        """See Watcher."""
        if self._is_handing_over:
            self._is_handing_over = False
            self._starter.adopt(server)
        self._change(link="here", is_own=self._starter.is_own(server))
        self.successor = successor_of(server.version)
        if self.successor is not None:
            self._face.stop()

    def saw(self, picture: NodePicture) -> None:
        """See Watcher."""
        is_greeted = self._said.said.is_greeted
        with self._lock:
            before, self._picture = self._picture, picture
            if picture.update is not None and picture.update.status == "restarting":
                self._is_handing_over = self._facts.is_own
        self._changed.set()
        for toast in toasts_of(before, picture, is_greeted=is_greeted):
            self._face.notify(toast)
        if greets(picture, is_greeted=is_greeted):
            self._said.greeted()

    def shelved(self, models: tuple[Shelved, ...]) -> None:
        """See Watcher."""
        self._change(models=models)

    def lost(self) -> None:
        """See Watcher."""
        if self._move("here", "gone") and self._is_seen is False:
            # Nobody could start it again from an icon that is not there.
            self._face.stop()
        self._move("looking", "gone")

    def _own_server_ended(self, code: int) -> None:
        if code:
            words = f"Athanor ended unexpectedly (exit code {code}); its log may say why"
            self._change(trouble=words)

    # --- what is shown -----------------------------------------------------------------------

    def _paint(self) -> None:
        shown = None
        while not self._ended.is_set():
            self._changed.wait()
            self._changed.clear()
            # The page and the command line turn this switch too.
            is_autostart = Switch.of_this().state().is_on
            with self._lock:
                self._facts = replace(self._facts, autostart=is_autostart)
                look = look_of(self._picture, self._facts)
            if look != shown:
                self._face.show(look)
                shown = look
                self._ended.wait(_PAINT_SECONDS)

    def _change(self, **changes: object) -> None:
        with self._lock:
            if self._facts.link == "leaving":
                changes.pop("link", None)
            self._facts = replace(self._facts, **changes)
        self._changed.set()

    def _move(self, before: Link, after: Link) -> bool:
        """Whether the link was `before`, and is `after` now."""
        with self._lock:
            if self._facts.link != before:
                return False
            self._facts = replace(self._facts, link=after, is_own=False)
        self._changed.set()
        return True

    def _seen(self, is_seen: bool) -> None:
        """The face knows whether somebody draws the icon."""
        was_seen, self._is_seen = self._is_seen, is_seen
        if not is_seen and was_seen is not False:
            waiting = threading.Timer(_HOST_SECONDS, self._tell_of_no_tray)
            waiting.daemon = True
            waiting.start()

    def _tell_of_no_tray(self) -> None:
        if self._is_seen or self._said.said.has_no_tray:
            return
        self._said.told_of_no_tray()
        log.warning(NO_TRAY)
        self._face.notify(Toast(title="Athanor has no icon here", body=NO_TRAY))
        if not self._is_background:
            say(NO_TRAY)

    # --- what is clicked ---------------------------------------------------------------------

    def _work(self, action: Action) -> None:
        try:
            self._carry_out(action)
        except AthanorError as error:
            log.warning("a wish failed: %s", error)
            self._change(trouble=f"{error.message.removesuffix('.')}. {error.remedy}".strip())
        except OSError as error:
            log.warning("a wish failed: %s", error)
            self._change(trouble=str(error))

    def _carry_out(self, action: Action) -> None:  # noqa: PLR0912  # a branch an action
        if not isinstance(action, Quit):
            self._change(trouble="")
        match action:
            case OpenDashboard(page=page):
                self._ensure_server()
                open_dashboard(self._paths, page)
            case OpenLink(link=link):
                self._ensure_server()
                follow_link(self._paths, link)
            case CopyAddress(address=address):
                if not copy_text(address):
                    self._face.notify(Toast(title="Address of the API", body=address))
            case LoadModel(model=model):
                wishes.load(self._paths, model)
            case UnloadModel(model=model):
                wishes.unload(self._paths, model)
            case FreeMemory():
                self._free()
            case Resume():
                wishes.resume(self._paths)
            case SetSharing(mode=mode):
                wishes.share(self._paths, mode)
            case Snooze(until=until, finish=finish):
                wishes.snooze(self._paths, until, finish=finish)
            case StartServer():
                self._ensure_server()
            case RestartToUpdate():
                wishes.restart_to_update(self._paths)
            case SetAutostart(enabled=enabled):
                Switch.of_this().turn(on=enabled)
                self._changed.set()
            case OpenFile(which=which):
                self._open_file(which)
            case Dismiss():
                pass
            case Quit():
                self._quit()
            case _:
                assert_never(action)

    def _ensure_server(self) -> None:
        """A server runs when this returns. Raises: ServerSilent."""
        with self._lock:
            if self._facts.link in {"here", "leaving"}:
                return
            self._facts = replace(self._facts, link="starting")
        self._changed.set()
        try:
            self._starter.start()
        finally:
            self._move("starting", "looking")
            self._follower.wake()

    def _free(self) -> None:
        self._change(is_freeing=True)
        try:
            wishes.free(self._paths)
        finally:
            self._change(is_freeing=False)

    def _open_file(self, which: str) -> None:
        file = self._paths.log_file if which == "log" else self._paths.config_file
        if which == "settings" and not file.exists():
            file.touch(mode=0o600)
        if not open_on_screen(str(file if file.exists() else file.parent)):
            self._face.notify(Toast(title="Athanor", body=str(file)))

    def _quit(self) -> None:
        self._change(link="leaving")
        try:
            self._starter.end()
        finally:
            self._face.stop()


NO_TRAY: Final = (
    "This desktop shows no tray icons, so Athanor runs without one. The dashboard does the same; "
    "`athanor stop` ends the server. GNOME needs the extension AppIndicator."
)


def open_dashboard(paths: Paths, page: Page) -> None:
    """Open the page in the browser, or say its address where there is none.

    Raises: NoServer, ServerSilent, ServerRefused.
    """
    _show(wishes.dashboard_address(paths, page))


def follow_link(paths: Paths, link: str) -> None:
    """Open the page that a link is for; where it is an invite, that page asks.

    Raises: NoServer, ServerSilent, ServerRefused.
    """
    _show(wishes.link_address(paths, link))


def _show(address: str) -> None:
    if not has_display() or not open_on_screen(address):
        say(f"Athanor's dashboard: {address}")


def say(sentence: str) -> None:
    """To the terminal, where there is one: a program without a console has no stderr."""
    if sys.stderr is not None:
        print(sentence, file=sys.stderr)
