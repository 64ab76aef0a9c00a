"""The pictures of the README: `python -m tests.dashboard.screenshots`, after the pages changed.

A real node with the demonstration model, asked by a real browser; each page in light and in dark.
"""

import base64
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.dashboard.chromium import WAIT_SECONDS_MAX, chromium
from tests.dashboard.conftest import link
from tests.dashboard.pilot import Pilot
from tests.support.node import running_node

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
QUESTIONS: Final = ("What is this program?", "How do I get a real model?")
WIDTH, HEIGHT = 1280, 800


def main() -> int:
    """The command line."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        environment = {"HOME": folder, "ATHANOR_MODELS_OTHER_APPS": "false"}
        with (
            running_node(root / "home", environment=environment) as node,
            chromium(root / "profile") as browser,
        ):
            browser.set_script_timeout(WAIT_SECONDS_MAX)
            pilot = Pilot(browser, node.root_url)
            pilot.go(link(node))
            pilot.click(".guide form[action$='finish'] button.is-main")
            pilot.sees("h1", "Home")
            _converse(pilot)
            _take(pilot, "playground")
            pilot.go("/")
            pilot.sees("h1", "Home")
            pilot.until(lambda: pilot.find("[data-pulse]").get_attribute("data-is") == "live")
            _take(pilot, "home")
    return 0


def _converse(pilot: Pilot) -> None:
    pilot.go("/dashboard/playground")
    for question in QUESTIONS:
        pilot.write("[data-prompt]", question)
        pilot.click("[data-send]")
        pilot.sees(".message:last-of-type .stats", "tokens/s")
        pilot.find("[data-send]")  # which stops the answer as long as it comes


def _take(pilot: Pilot, page: str) -> None:
    for scheme in ("light", "dark"):
        pilot.colours(scheme)
        pilot.size(WIDTH, HEIGHT)
        taken = pilot.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        file = FOLDER / f"{page}-{scheme}.png"
        file.write_bytes(base64.b64decode(taken["data"]))
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
