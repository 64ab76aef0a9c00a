"""axe-core, which finds what keeps people with a screen reader or a keyboard out of a page."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.dashboard.pilot import Pilot

VENDOR = Path(__file__).resolve().parents[2] / "packaging" / "vendor"
sys.path.insert(0, str(VENDOR))

import fetch  # noqa: E402  # a script, run without the project installed

_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations
    .filter((each) => ["moderate", "serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" | ")}`)),
  (error) => done([String(error)]));
"""


@cache
def script() -> str:
    """axe-core's own file, from the npm registry where it is not in .cache yet."""
    package = fetch.packages()["axe-core"]
    (kept,) = package.files
    if not kept.is_there:
        try:
            fetch.fetch(package)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"axe-core cannot be fetched from the npm registry: {error}")
    return kept.path.read_text(encoding="utf-8")


def barriers(pilot: Pilot) -> list[str]:
    """What is more than minor on the page as it is now, with the elements."""
    pilot.browser.execute_script(script())
    found = pilot.browser.execute_async_script(_RUN)
    assert isinstance(found, list)
    return [str(each) for each in found]
