"""Laws of the settings in force: what follows the file at once, what waits, and who is told."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.errors import SettingsInvalid
from app.server.node.in_force import InForce
from app.settings.schema import Settings


def test_a_change_of_the_file_is_told_once_and_only_where_it_holds_now(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[downloads]\nat_once = 5\n[server]\nport = 8000\n")
    in_force = InForce(Settings(), config_file=file)
    told: list[Settings] = []

    async def use(settings: Settings) -> None:
        told.append(settings)

    in_force.heed(use)
    read = asyncio.run(in_force.read_file())
    again = asyncio.run(in_force.read_file())

    assert (read.changed, read.waiting) == (("downloads.at_once",), ("server.port",))
    assert (again.changed, again.waiting) == ((), ("server.port",))
    assert [settings.downloads.at_once for settings in told] == [5]
    assert in_force.settings.server.port == Settings().server.port


def test_a_variable_of_the_server_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[downloads]\nat_once = 5\n[pool_host]\npool_port = 9000\n")
    origins = {"downloads.at_once": "environment variable ATHANOR_DOWNLOADS_AT_ONCE"}
    in_force = InForce(Settings(), config_file=file, origins=origins)

    read = asyncio.run(in_force.read_file())

    assert (read.changed, read.waiting, read.fixed) == ((), (), ("downloads.at_once",))


def test_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[downloads]\nat_once = 500\n")
    in_force = InForce(Settings(), config_file=file)

    with pytest.raises(SettingsInvalid, match="at_once"):
        asyncio.run(in_force.read_file())

    assert in_force.settings == Settings()
