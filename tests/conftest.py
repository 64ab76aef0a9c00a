"""What every test stands on: made models, a home of its own, no network, bounded randomness."""

import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.node import RunningNode, put_toy, running_node

pytest_plugins = ["tests.gguf_made.fixtures"]

# A shell's background job ignores Ctrl-C, and so would every process that a test starts in it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Clients that would phone home or fetch lists when they are imported or used.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LANGSMITH_TRACING", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# What Ollama and others have on this machine is no part of any test.
os.environ.setdefault("ATHANOR_MODELS_OTHER_APPS", "false")

# A slow machine is no finding: the suite has one time limit a test, and no other.
_CALM = (HealthCheck.too_slow, HealthCheck.differing_executors)
settings.register_profile("default", deadline=None, suppress_health_check=_CALM)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=_CALM, derandomize=True, print_blob=True
)
settings.register_profile(
    "many", deadline=None, suppress_health_check=_CALM, max_examples=2000, print_blob=True
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, with the reason."""
    if not Path("/dev/nvidiactl").exists():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


def _is_loopback(host: object) -> bool:
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: whoever in this process reaches past loopback gets an error that says so."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        raise PermissionError(f"a test must not reach the network: {event} {host!r}")


sys.addaudithook(_refuse_network)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Athanor home; this process and its children keep all files in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ATHANOR_HOME", str(folder))
    return folder


@pytest.fixture
def node(home: Path) -> Iterator[RunningNode]:
    """A real node with one toy model, `toy`, that echoes; see tests/support/node.py for others."""
    with running_node(home, "--model", str(put_toy(home))) as running:
        yield running
