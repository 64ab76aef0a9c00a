"""The publisher's place, a real web server of this machine, and a version to announce there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.node.updates.node import KEY, NOW
from tests.support.bundles import pack_bundle
from tests.support.publisher_site import PublisherSite, publisher_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PublisherSite]:
    with publisher_site(tmp_path / "site", KEY, now=NOW) as made:
        yield made


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pack_bundle(tmp_path, "0.2.0")
