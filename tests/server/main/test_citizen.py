"""Laws of a server that is a citizen of its system: awake while it answers, and honest about sleep.

The server is a process of its own, its logind a real service on a real bus.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from app.client.client import Client
from app.settings.paths import Paths
from app.wire.pool import GoingAway, Heartbeat
from app.wire.pool_local import JoinRequest
from tests.server.hardware.surroundings.desktops import needs
from tests.support.logind import Logind, logind
from tests.support.node import put_toy, running_node
from tests.support.scripted_host import HostThread

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="logind is Linux's"),
    needs("dbus-daemon"),
]
LENDING = ("--sharing-mode", "always", "--sharing-start-delay-seconds", "0")


@pytest.fixture
def system() -> Iterator[Logind]:
    with logind() as made:
        yield made


def buses(system: Logind) -> dict[str, str]:
    return {
        "DBUS_SYSTEM_BUS_ADDRESS": system.address,
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus",
    }


def test_the_computer_is_kept_awake_while_a_request_is_answered(
    tmp_path: Path, system: Logind
) -> None:
    toy = put_toy(tmp_path, step_seconds=0.2)
    with running_node(tmp_path, "--model", str(toy), environment=buses(system)) as node:
        asking = openai.OpenAI(base_url=node.base_url, api_key="none", timeout=60)
        stream = asking.chat.completions.create(
            model="toy", stream=True, messages=[{"role": "user", "content": "x" * 500}]
        )
        next(iter(stream))

        system.await_word("inhibited idle block")
        stream.close()

    # The server has ended, and both of its inhibitors with it.
    system.await_word("let go")
    system.await_word("let go")
    assert system.holders() == 0


def test_a_pool_hears_of_a_sleep_before_it_and_of_the_node_after_it(
    tmp_path: Path, system: Logind
) -> None:
    (tmp_path / "host").mkdir()
    home = tmp_path / "home"
    toy = put_toy(home)
    with (
        HostThread(tmp_path / "host") as club,
        running_node(home, "--model", str(toy), *LENDING, environment=buses(system)),
        Client.find(Paths.under(home)) as client,
    ):
        system.await_word("inhibited sleep delay")
        client.join_pool(JoinRequest(invite=club.host.invite()))
        system.sleep()

        away = club.do(club.host.expect(GoingAway))
        assert away.reason == "sleep"
        system.await_word("let go")
        system.wake()

        club.do(club.host.expect(Heartbeat))
        club.do(club.host.until(lambda: club.host.has_greeted(2)))
        system.await_word("inhibited sleep delay")
