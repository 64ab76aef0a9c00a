"""A page whose server ends. Last of its folder: the node is gone after it."""

from tests.dashboard.pilot import Pilot
from tests.support.node import RunningNode


def test_a_page_says_that_its_server_is_gone(pilot: Pilot, kept_node: RunningNode) -> None:
    pilot.go("/dashboard/requests")
    pilot.until(lambda: pilot.find("[data-pulse]").get_attribute("data-is") == "live")

    kept_node.process.kill()

    pilot.sees("[data-gone]", "The server is gone")
    pilot.until(lambda: pilot.find("[data-pulse]").get_attribute("data-is") == "gone")
