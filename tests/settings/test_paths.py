"""Where files are kept."""

import sys
from pathlib import Path

import pytest

from app.settings.paths import Paths


def test_athanor_home_puts_all_into_one_folder(tmp_path: Path) -> None:
    paths = Paths.find({"ATHANOR_HOME": str(tmp_path / "home")})

    paths.ensure()

    assert paths.lock_file == tmp_path / "home" / "run" / "server.json"
    for path in (paths.config_file, paths.database, paths.models, paths.cache, paths.log_file):
        assert path.is_relative_to(tmp_path / "home")
        assert path.parent.is_dir()


def test_a_relative_home_is_made_absolute_and_a_tilde_is_the_users_home() -> None:
    assert Paths.find({"ATHANOR_HOME": "here"}).data == Path.cwd() / "here" / "data"
    assert Paths.find({"ATHANOR_HOME": "~/x"}).data == Path.home() / "x" / "data"


def test_without_it_the_places_are_the_systems_and_its_users_own() -> None:
    paths = Paths.find({"ATHANOR_HOME": ""})

    assert paths.config_file.name == "config.toml"
    for path in (paths.config_file, paths.data, paths.models, paths.cache, paths.logs):
        assert path.is_absolute()
        assert "athanor" in path.parts


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_folders_are_made_readable_by_their_user_alone(tmp_path: Path) -> None:
    paths = Paths.under(tmp_path / "home")

    paths.ensure()
    paths.ensure()

    for folder in (paths.data, paths.logs, paths.runtime):
        assert folder.stat().st_mode & 0o077 == 0
