"""A real node with toy models, and one browser for all tests: starting either is slow."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.dashboard.chromium import WAIT_SECONDS_MAX, chromium, missing
from tests.dashboard.pilot import Pilot
from tests.support.hub import Hub, running_hub
from tests.support.node import RunningNode, running_node

HOSTILE = "<img src=x onerror=window.harm=1>"
"""A file's name that would run, were it ever HTML."""

TOYS: dict[str, dict[str, object]] = {
    "echo": {},
    "slow": {"step_seconds": 0.2},  # a step is a token of an answer, or a whole question
    HOSTILE: {},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder drives a browser, and takes its time."""
    lack = missing()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(1200))
            if lack is not None:
                item.add_marker(pytest.mark.skip(reason=lack))


def put_toys(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, options in TOYS.items():
        (folder / f"{name}.toy").write_text(json.dumps(options))


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """The hub that the node asks for models: one on this machine, empty at first."""
    with running_hub() as running:
        yield running


@pytest.fixture(scope="session")
def kept_node(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[RunningNode]:
    """A node that nobody set up before."""
    folder = tmp_path_factory.mktemp("dashboard")
    put_toys(folder / "toys")
    flags = [flag for path in (folder / "toys").iterdir() for flag in ("--model", str(path))]
    # No other program's models: those of whoever runs the tests are none of theirs.
    with running_node(
        folder / "home",
        *flags,
        environment={
            "HOME": str(folder),
            "ATHANOR_MODELS_OTHER_APPS": "false",
            **hub.environment,
        },
    ) as node:
        yield node


@pytest.fixture(scope="session")
def session_pilot(
    kept_node: RunningNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pilot]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.set_script_timeout(WAIT_SECONDS_MAX)
        pilot = Pilot(browser, kept_node.root_url)
        pilot.go(link(kept_node))
        pilot.until(lambda: browser.current_url == kept_node.root_url + "/")
        yield pilot


@pytest.fixture
def pilot(session_pilot: Pilot) -> Iterator[Pilot]:
    """The owner's browser, signed in, with an ordinary window."""
    session_pilot.size(1280, 900)
    session_pilot.colours("light")
    yield session_pilot
    session_pilot.browser.get("about:blank")


def link(node: RunningNode) -> str:
    """The path of a one-time link."""
    headers = {"Authorization": f"Bearer {node.token}"}
    answer = httpx.post(f"{node.root_url}/local/dashboard", headers=headers, trust_env=False)
    return str(answer.json()["path"])
