"""Laws of the tray process beside a real server, clicked through its menu on a real bus."""

import signal
from pathlib import Path

import pytest

from app.client.process import is_alive, wait_gone
from app.settings.paths import Paths
from app.tray.life.said_once import SaidOnce
from tests.support.node import RunningNode
from tests.tray.conftest import Browser, needs_bus
from tests.tray.host import WAIT_SECONDS, Bus, Desktop
from tests.tray.process import end_server, tray_process

pytestmark = [needs_bus, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_model_is_loaded_and_its_memory_freed_by_clicks_and_quitting_ends_the_server(
    home: Path, desktop: Desktop
) -> None:
    with tray_process(home, "--background") as tray:
        desktop.wait_for_item()
        desktop.click(desktop.menu_with("toy"))
        desktop.wait_until(lambda: desktop.menu_with("toy").is_checked)
        assert tray.loaded() == ["toy"]

        desktop.click(desktop.menu_with("Free memory now"))
        desktop.wait_until(lambda: not desktop.menu_with("toy").is_checked)
        assert tray.loaded() == []

        pid = tray.server_pid
        desktop.click(desktop.menu_with("Quit"))
        tray.wait()
        assert wait_gone(pid, WAIT_SECONDS)


def test_quitting_leaves_a_server_that_the_tray_did_not_start(
    node: RunningNode, desktop: Desktop
) -> None:
    with tray_process(node.home, "--background") as tray:
        desktop.wait_for_item()

        desktop.click(desktop.menu_with("Quit (the server keeps running)"))
        tray.wait()

        assert is_alive(node.process.pid)
        assert tray.is_serving()


def test_a_server_that_was_killed_is_missed_and_started_again_by_a_click(
    home: Path, desktop: Desktop
) -> None:
    with tray_process(home, "--background") as tray:
        desktop.wait_for_item()
        desktop.menu_with("Open dashboard")
        desktop.menu_with("Copy API address")

        end_server(home)
        desktop.click(desktop.menu_with("Start Athanor"))

        desktop.menu_with("Copy API address")
        assert tray.is_serving()


def test_a_tray_that_crashed_ends_no_server_and_the_next_one_knows_it_as_its_own(
    home: Path, desktop: Desktop
) -> None:
    with tray_process(home, "--background") as first:
        desktop.wait_for_item()
        desktop.menu_with("Copy API address")
        pid = first.server_pid
        first.process.kill()
        first.process.wait(WAIT_SECONDS)
        assert is_alive(pid)
        desktop.items.clear()

        with tray_process(home, "--background") as second:
            desktop.wait_for_item()
            desktop.menu_with("Copy API address")
            desktop.click(desktop.menu_with("Quit"))
            second.wait()
            assert wait_gone(pid, WAIT_SECONDS)


def test_a_signal_ends_the_tray_as_quitting_does(home: Path, desktop: Desktop) -> None:
    with tray_process(home, "--background") as tray:
        desktop.wait_for_item()
        desktop.menu_with("Copy API address")
        pid = tray.server_pid

        tray.process.send_signal(signal.SIGTERM)

        tray.wait()
        assert wait_gone(pid, WAIT_SECONDS)


def test_a_second_tray_says_so_and_opens_the_dashboard(
    home: Path, desktop: Desktop, browser: Browser
) -> None:
    with tray_process(home, "--background"):
        desktop.wait_for_item()
        desktop.menu_with("Copy API address")

        with tray_process(home) as second:
            assert "runs already" in second.wait()

        assert "/dashboard/enter?code=" in browser.next_visit()


def test_a_left_click_opens_the_dashboard_with_a_link_that_lets_in(
    home: Path, desktop: Desktop, browser: Browser
) -> None:
    with tray_process(home, "--background"):
        desktop.wait_for_item()
        desktop.menu_with("Copy API address")

        desktop.activate()

        assert "/dashboard/enter?code=" in browser.next_visit()


def test_without_a_desktop_the_server_runs_and_the_dashboards_address_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={home}/no-bus")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    with tray_process(home) as tray:
        said = tray.wait()

        assert "shows no tray icons" in said
        assert "/dashboard/enter?code=" in said
        assert tray.is_serving()


def test_a_desktop_without_a_bar_is_told_once(home: Path, bus: Bus) -> None:
    desktop = Desktop(bus.address, hosts=False)
    desktop.begin_notifying()

    with tray_process(home, "--background") as tray:
        desktop.wait_until(lambda: "Athanor has no icon here" in dict(desktop.toasts))
        assert tray.is_serving()
    assert SaidOnce(Paths.under(home).tray_memory_file).said.has_no_tray
    desktop.close()
