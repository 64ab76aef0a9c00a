"""Laws of the icon on the session bus, read and clicked by a real host over a real bus."""

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from app.tray.bus.face import BusFace
from app.tray.look.actions import Action, LoadModel, OpenDashboard, SetAutostart
from app.tray.look.facts import Facts, Shelved
from app.tray.look.look import look_of
from app.tray.look.toasts import Toast
from app.wire.local import NodePicture
from tests.tray.conftest import needs_bus
from tests.tray.host import WAIT_SECONDS, Bus, Desktop
from tests.tray.pictures import picture, with_engine

pytestmark = needs_bus


class Running:
    """A face that runs on a thread, and what it was told to do."""

    def __init__(self) -> None:
        self.face = BusFace()
        self.performed: SimpleQueue[Action] = SimpleQueue()
        self.seen: SimpleQueue[bool] = SimpleQueue()
        run = (self.performed.put, self.seen.put)
        self.thread = threading.Thread(target=self.face.run, args=run, daemon=True)
        self.thread.start()

    def show(self, picture: NodePicture, **facts: object) -> None:
        self.face.show(look_of(picture, Facts(link="here", **facts)))

    def next_action(self) -> Action:
        return self.performed.get(timeout=WAIT_SECONDS)

    def next_seen(self) -> bool:
        return self.seen.get(timeout=WAIT_SECONDS)

    def end(self) -> None:
        self.face.stop()
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def running(bus: Bus) -> Iterator[Running]:
    made = Running()
    yield made
    made.end()


def test_an_icon_registers_and_tells_what_it_is(desktop: Desktop, running: Running) -> None:
    running.show(picture(headline="Ready · small"))
    name = desktop.wait_for_item()
    desktop.wait_until(lambda: "Ready · small" in str(desktop.item()["ToolTip"]))

    item = desktop.item()

    assert name.startswith("org.kde.StatusNotifierItem-")
    assert (item["Id"], item["Status"], item["Menu"]) == ("athanor", "Active", "/MenuBar")
    assert item["ItemIsMenu"] is False
    assert [tuple(size[:2]) for size in item["IconPixmap"]] == [
        (size, size) for size in (16, 22, 24, 32, 48, 64)
    ]
    assert running.next_seen() is True


def test_the_menu_is_read_and_an_item_of_its_submenu_clicked(
    desktop: Desktop, running: Running
) -> None:
    models = (Shelved(name="tiny_one"), Shelved(name="other"))
    running.show(picture(), models=models)
    desktop.wait_for_item()

    desktop.click(desktop.menu_with("tiny_one"))

    assert running.next_action() == LoadModel(model="tiny_one")
    assert desktop.menu().labels()[0] == "Idle · no model is loaded"


def test_an_item_that_cannot_be_clicked_says_why_and_does_nothing(
    desktop: Desktop, running: Running
) -> None:
    running.show(picture())
    desktop.wait_for_item()
    line = desktop.menu_with("Free memory now")

    desktop.click(line)
    desktop.click(desktop.menu_with("Start with computer"))

    assert not line.is_enabled
    assert line.label == "Free memory now — no model is in memory"
    assert running.next_action() == SetAutostart(enabled=True)


def test_a_left_click_opens_the_dashboard(desktop: Desktop, running: Running) -> None:
    desktop.wait_for_item()

    desktop.activate()

    assert running.next_action() == OpenDashboard()


def test_the_icon_changes_with_the_mood(desktop: Desktop, running: Running) -> None:
    running.show(picture())
    desktop.wait_for_item()
    asleep = desktop.item()["IconPixmap"]

    running.show(with_engine(picture(), "small"))

    assert desktop.wait_until(lambda: desktop.item()["IconPixmap"] != asleep)


def test_an_open_menu_changes_in_place_where_no_item_comes_or_goes(
    desktop: Desktop, running: Running
) -> None:
    running.show(with_engine(picture(headline="Ready · one"), "small"))
    desktop.wait_for_item()
    before = desktop.menu_with("Ready · one")
    revision = desktop.call("/MenuBar", "com.canonical.dbusmenu", "GetLayout", "iias", [0, 0, []])

    running.show(with_engine(picture(headline="Ready · two"), "small"))

    after = desktop.menu_with("Ready · two")
    assert after.number == before.number
    assert revision[0] == desktop.call(
        "/MenuBar", "com.canonical.dbusmenu", "GetLayout", "iias", [0, 0, []]
    )[0]  # fmt: skip


def test_a_host_that_comes_back_is_registered_with_again(
    desktop: Desktop, running: Running
) -> None:
    first = desktop.wait_for_item()
    assert running.next_seen() is True

    desktop.end_hosting()
    assert running.next_seen() is False
    desktop.begin_hosting()

    assert desktop.wait_for_item() == first
    assert running.next_seen() is True


def test_an_icon_waits_for_a_host_that_comes_later(bus: Bus, running: Running) -> None:
    assert running.next_seen() is False
    desktop = Desktop(bus.address)

    assert desktop.wait_for_item()
    assert running.next_seen() is True
    desktop.close()


def test_a_click_on_a_notification_opens_the_dashboard(desktop: Desktop, running: Running) -> None:
    desktop.begin_notifying()
    desktop.wait_for_item()

    running.face.notify(Toast(title="Athanor is ready", body="Click."))
    desktop.wait_until(lambda: desktop.toasts)
    desktop.click_toast(1)

    assert desktop.toasts == [("Athanor is ready", "Click.")]
    assert running.next_action() == OpenDashboard()


def test_a_desktop_without_notifications_is_no_failure(desktop: Desktop, running: Running) -> None:
    desktop.wait_for_item()

    running.face.notify(Toast(title="Athanor is ready", body="Click."))
    desktop.activate()

    assert running.next_action() == OpenDashboard()


def test_the_face_ends_when_the_session_does(bus: Bus, running: Running) -> None:
    running.next_seen()

    bus.end()

    running.thread.join(WAIT_SECONDS)
    assert not running.thread.is_alive()


def test_the_groups_and_single_properties_are_those_of_the_layout(
    desktop: Desktop, running: Running
) -> None:
    running.show(picture())
    desktop.wait_for_item()
    line = desktop.menu_with("Open dashboard")
    menu = "com.canonical.dbusmenu"

    group = desktop.call("/MenuBar", menu, "GetGroupProperties", "aias", [[line.number], []])
    label = desktop.call("/MenuBar", menu, "GetProperty", "is", [line.number, "label"])
    shown = desktop.call("/MenuBar", menu, "GetProperty", "is", [line.number, "visible"])
    events = [[line.number, "clicked", _nothing(), 0], [9999, "clicked", _nothing(), 0]]
    unknown = desktop.call("/MenuBar", menu, "EventGroup", "a(isvu)", [events])

    assert group[0][0][1]["label"].value == "Open dashboard"
    assert (label[0].value, shown[0].value) == ("Open dashboard", True)
    assert unknown == [[9999]]
    assert running.next_action() == OpenDashboard()


def _nothing() -> object:
    from dbus_fast import Variant

    return Variant("s", "")
