"""Where the program's own files are looked for."""

from pathlib import Path

from app.settings.assets import ASSETS_VARIABLE, assets_folder


def test_in_a_clone_or_a_bundle_they_lie_beside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "app"
    package.mkdir()

    assert assets_folder({}, package=package) == tmp_path / "assets"


def test_in_a_wheel_they_lie_inside_the_package_whatever_lies_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "app"
    (package / "assets").mkdir(parents=True)
    (tmp_path / "assets").mkdir()

    assert assets_folder({}, package=package) == package / "assets"


def test_the_environment_names_another_folder(tmp_path: Path) -> None:
    assert assets_folder({ASSETS_VARIABLE: str(tmp_path)}) == tmp_path
    assert assets_folder({ASSETS_VARIABLE: ""}) == assets_folder({})
