"""Assets folders with small made models in the place of the demonstration."""

from pathlib import Path

import pytest

from tests.gguf_made import GgufStore
from tests.support.assets import put_assets


@pytest.fixture(scope="session")
def made_assets(tmp_path_factory: pytest.TempPathFactory, gguf_store: GgufStore) -> Path:
    """Assets for all tests to read; the model in it is made and says nonsense."""
    return put_assets(tmp_path_factory.mktemp("starter") / "assets", gguf_store.llama())
