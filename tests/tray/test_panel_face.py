"""Laws of the face by pystray, driven through its own classes with a recorder for a desktop."""

import os
import shutil
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

# pystray chooses its kind of icon when it is imported; here it needs no display.
os.environ["PYSTRAY_BACKEND"] = "dummy"
import pystray

from app.tray.look.actions import Action, LoadModel, OpenDashboard
from app.tray.look.facts import Facts, Shelved
from app.tray.look.look import look_of
from app.tray.look.toasts import Toast
from app.tray.panel.face import PanelFace
from tests.tray.host import WAIT_SECONDS
from tests.tray.pictures import picture, with_engine

HERE = Facts(link="here", is_own=True, models=(Shelved(name="one"), Shelved(name="two")))


class Recorder(pystray.Icon):
    """What pystray's icons do on a system, written down."""

    def __init__(self, name: str, icon: object, title: str, menu: pystray.Menu) -> None:
        super().__init__(name, icon, title, menu)
        self.done: SimpleQueue[tuple[str, object]] = SimpleQueue()
        self._over = threading.Event()

    def _run(self) -> None:
        self._mark_ready()
        assert self._over.wait(WAIT_SECONDS)

    def _show(self) -> None:
        self.done.put(("show", None))

    def _hide(self) -> None:
        self.done.put(("hide", None))

    def _update_icon(self) -> None:
        self._icon_valid = True
        self.done.put(("icon", self.icon.tobytes()))

    def _update_title(self) -> None:
        self.done.put(("title", self.title))

    def _update_menu(self) -> None:
        self.done.put(("menu", [item.text for item in self.menu]))

    def _notify(self, message: str, title: str | None = None) -> None:
        self.done.put(("toast", (title, message)))

    def _stop(self) -> None:
        self._over.set()

    def next(self, what: str) -> object:
        """What was done next of this kind."""
        while True:
            kind, value = self.done.get(timeout=WAIT_SECONDS)
            if kind == what:
                return value


class Running:
    """A face that runs on a thread, and what it was told to do."""

    def __init__(self) -> None:
        self.icons: SimpleQueue[Recorder] = SimpleQueue()
        self.performed: SimpleQueue[Action] = SimpleQueue()
        self.seen: SimpleQueue[bool] = SimpleQueue()
        self.face = PanelFace(self._make)
        run = (self.performed.put, self.seen.put)
        self.thread = threading.Thread(target=self.face.run, args=run, daemon=True)
        self.thread.start()
        self.icon = self.icons.get(timeout=WAIT_SECONDS)
        assert self.seen.get(timeout=WAIT_SECONDS) is True

    def _make(self, name: str, icon: object, title: str, menu: pystray.Menu) -> Recorder:
        made = Recorder(name, icon, title, menu)
        self.icons.put(made)
        return made

    def item(self, *texts: str) -> pystray.MenuItem:
        """The item of that text, in submenus by their heads."""
        menu = self.icon.menu
        for text in texts:
            found = next(item for item in menu if item.text == text)
            menu = found.submenu
        return found


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.face.stop()
    made.thread.join(WAIT_SECONDS)
    assert not made.thread.is_alive()


def test_the_menu_is_drawn_with_its_submenu_and_ticks(running: Running) -> None:
    running.face.show(look_of(with_engine(picture(headline="Ready · one"), "one"), HERE))
    running.icon.next("menu")

    assert running.item("Ready · one").enabled is False
    assert running.item("Model", "one").checked is True
    assert running.item("Model", "two").checked is False
    assert running.item("Contribute GPU — no pool is joined").enabled is False


def test_a_click_asks_for_what_the_item_says(running: Running) -> None:
    running.face.show(look_of(picture(), HERE))

    running.item("Model", "two")(running.icon)

    assert running.performed.get(timeout=WAIT_SECONDS) == LoadModel(model="two")


def test_a_left_click_opens_the_dashboard(running: Running) -> None:
    running.icon()

    assert running.performed.get(timeout=WAIT_SECONDS) == OpenDashboard()


def test_an_item_of_a_menu_that_is_out_of_date_does_nothing_that_is_gone(
    running: Running,
) -> None:
    running.face.show(look_of(picture(), HERE))
    old = running.item("Model", "two")
    running.face.show(look_of(None, Facts(link="gone")))

    old(running.icon)
    running.item("Start Athanor")(running.icon)

    assert running.performed.get(timeout=WAIT_SECONDS) != LoadModel(model="two")


def test_the_menu_is_rebuilt_only_when_something_in_it_changed(running: Running) -> None:
    look = look_of(picture(), HERE)
    running.face.show(look)
    running.face.notify(Toast(title="t", body="b"))
    running.icon.next("toast")

    running.face.show(look_of(picture(mood="busy"), HERE))
    running.face.notify(Toast(title="t", body="b"))

    kinds = []
    while not kinds or kinds[-1] != "toast":
        kinds.append(running.icon.done.get(timeout=WAIT_SECONDS)[0])
    assert kinds == ["icon", "toast"]


def test_texts_are_cut_to_what_windows_holds(running: Running) -> None:
    running.face.show(look_of(picture(headline="x" * 500), HERE))
    running.face.notify(Toast(title="t", body="y" * 500))

    assert len(str(running.icon.next("title"))) <= 127
    assert len(running.icon.next("toast")[1]) <= 255  # type: ignore[index]


def test_a_face_that_was_stopped_before_it_ran_ends_at_once() -> None:
    face = PanelFace(Recorder)
    face.stop()

    face.run(print, print)


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb (Debian: apt install xvfb)")
def test_a_screen_without_a_bar_has_none_to_swallow_icons(screen: str) -> None:
    from app.tray.panel.embedding import has_embedding_bar

    assert has_embedding_bar() is False
