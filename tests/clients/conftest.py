"""One real node for all clients: a server process with engine processes of toy models."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.node import RunningNode, put_toy, running_node


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node whose models are each for one purpose; `toy` answers with the last message."""
    home: Path = tmp_path_factory.mktemp("clients") / "home"
    toys = [
        put_toy(home),
        put_toy(home, "embedder", is_embedding=True),
        put_toy(home, "slow", step_seconds=0.02),
        put_toy(home, "falls", abort_after_tokens=5),
        put_toy(home, "broken", on_load="fail"),
    ]
    # A toy is offered only to who names its file.
    with running_node(home, *(word for toy in toys for word in ("--model", str(toy)))) as running:
        yield running


@pytest.fixture
def client(server: RunningNode) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, told nothing but the address."""
    with openai.OpenAI(base_url=server.base_url, api_key="not-needed", timeout=60) as client:
        yield client
