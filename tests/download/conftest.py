"""A hub on this machine, and the real child that talks to it."""

from collections.abc import Iterator

import pytest

from tests.support.download_child import DownloadChild, download_child
from tests.support.hub import Hub, running_hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def child(hub: Hub) -> Iterator[DownloadChild]:
    with download_child(hub.environment) as running:
        yield running
