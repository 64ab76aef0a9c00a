"""Laws of the local API's switch for starting with the computer."""

import sys
from pathlib import Path

import msgspec
import pytest

from app.wire.autostart import AutostartPicture
from tests.server.web.conftest import Web

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="writes an entry of this system")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's entries are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "autostart"


def picture(content: bytes) -> AutostartPicture:
    return msgspec.json.decode(content, type=AutostartPicture)


def test_it_is_off_until_it_is_turned_on_and_off_leaves_nothing(
    web: Web, owner: dict[str, str], folder: Path
) -> None:
    before = picture(web.client.get("/local/autostart", headers=owner).content)
    on = web.client.put("/local/autostart", json={"enabled": True}, headers=owner)
    kept = picture(web.client.get("/local/autostart", headers=owner).content)
    off = web.client.put("/local/autostart", json={"enabled": False}, headers=owner)

    assert (before.enabled, picture(on.content).enabled, kept.enabled) == (False, True, True)
    assert kept.where == str(folder / "athanor.desktop")
    assert kept.command.endswith("tray --background") or "--home=" in kept.command
    assert picture(off.content).enabled is False
    assert not list(folder.iterdir())


def test_who_may_not_administer_may_not_turn_it(web: Web, folder: Path) -> None:
    answer = web.client.put("/local/autostart", json={"enabled": True})

    assert answer.status_code in {401, 403}
    assert not folder.exists()
