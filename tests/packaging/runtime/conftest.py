"""What the tests of back ends share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.runtime.publisher import PacksPublisher, publishing


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[PacksPublisher]:
    """A publisher of packs, on this machine."""
    with publishing(tmp_path) as made:
        yield made
