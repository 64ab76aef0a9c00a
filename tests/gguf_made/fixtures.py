"""Pytest fixtures over the makers; listed in `pytest_plugins` of tests/conftest.py."""

from pathlib import Path

import pytest

from tests.gguf_made.llama import EXACT
from tests.gguf_made.store import GgufStore


@pytest.fixture(scope="session")
def gguf_store(tmp_path_factory: pytest.TempPathFactory) -> GgufStore:
    """Makers of tiny models, in a folder of this session."""
    return GgufStore(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="session")
def llama_gguf(gguf_store: GgufStore) -> Path:
    """The default tiny chat model."""
    return gguf_store.llama()


@pytest.fixture(scope="session")
def exact_gguf(gguf_store: GgufStore) -> Path:
    """The tiny chat model whose greedy answers do not depend on batches; see llama.EXACT."""
    return gguf_store.llama(EXACT)


@pytest.fixture(scope="session")
def bert_gguf(gguf_store: GgufStore) -> Path:
    """The default tiny embedder (mean pooling)."""
    return gguf_store.bert()


@pytest.fixture(scope="session")
def mamba_gguf(gguf_store: GgufStore) -> Path:
    """The default tiny recurrent model."""
    return gguf_store.mamba()
