"""Pages whose server ends, comes back, or comes back as another version."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from app.settings.assets import assets_folder
from tests.dashboard.conftest import put_toys
from tests.dashboard.pilot import Pilot
from tests.support.node import RunningNode, running_node

PAGE = "/dashboard/requests"


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A copy of what comes with the program, which the test may update."""
    copy = tmp_path / "assets"
    shutil.copytree(assets_folder() / "dashboard", copy / "dashboard")
    return copy


class Machine:
    """Where a server is started again and again: the same home, the same address."""

    def __init__(self, folder: Path, assets: Path) -> None:
        self._home = folder / "home"
        self._environment = {"HOME": str(folder), "ATHANOR_ASSETS": str(assets)}
        self._port = "0"
        put_toys(folder / "toys")
        self._slow = str(folder / "toys" / "slow.toy")

    @contextmanager
    def serving(self) -> Iterator[RunningNode]:
        flags = ("--port", self._port, "--model", self._slow)
        with running_node(self._home, *flags, environment=self._environment) as node:
            self._port = node.root_url.rpartition(":")[2]
            yield node


@pytest.fixture
def machine(tmp_path: Path, assets: Path) -> Machine:
    return Machine(tmp_path, assets)


def is_live(pilot: Pilot) -> bool:
    return pilot.find("[data-pulse]").get_attribute("data-is") == "live"


def look_at(pilot: Pilot, node: RunningNode) -> None:
    pilot.browser.get(node.root_url + PAGE)
    pilot.until(lambda: is_live(pilot))


def test_a_page_says_that_its_server_is_gone_and_finds_it_when_it_is_back(
    pilot: Pilot, machine: Machine
) -> None:
    with machine.serving() as node:
        look_at(pilot, node)
        # What is said in the corner is gone after seconds; a busy machine may look too late.
        pilot.ask("addEventListener('athanor:back', () => (window.isBack = true), true)")

        node.process.kill()

        pilot.sees("[data-gone]", "The server is gone")
        assert not is_live(pilot)

    with machine.serving():
        pilot.until(lambda: is_live(pilot))
        pilot.until(lambda: pilot.ask("return window.isBack"))
        assert not pilot.all("[data-gone]:not([hidden])")


def test_an_answer_whose_server_ends_is_kept_and_told_to_have_broken_off(
    pilot: Pilot, machine: Machine
) -> None:
    with machine.serving() as node:
        pilot.browser.get(node.root_url + "/dashboard/playground?model=slow")
        pilot.write("[data-prompt]", "one two three four five six seven eight nine ten")
        pilot.press(Keys.ENTER)
        pilot.sees(".message.is-assistant .body", "one")

        node.process.kill()

        pilot.sees(".toast.is-bad", "The answer broke off.")
        assert "one" in pilot.says(".message.is-assistant .body")

    pilot.click(".message.is-assistant footer button:last-child")
    pilot.sees(".message.is-failed .body", "The server did not answer. Is it still running?")


def test_a_page_that_was_open_since_before_an_update_of_its_template_shows_the_new_one(
    pilot: Pilot, machine: Machine, assets: Path
) -> None:
    template = assets / "dashboard" / "templates" / "requests.html"
    with machine.serving() as node:
        look_at(pilot, node)
        node.process.kill()
        pilot.sees("[data-gone]", "The server is gone")

    template.write_text(template.read_text().replace("<h1>", '<h1 id="new">', 1))

    with machine.serving():
        pilot.find("#new")
        pilot.until(lambda: is_live(pilot))
