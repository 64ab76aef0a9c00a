"""The wheel has all that the program needs, and finds it where it was put."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tidy.source import ROOT, tracked_files

pytestmark = pytest.mark.slow

INGREDIENTS = ("app", "assets", "pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built, since building leaves things beside it."""
    folder = tmp_path_factory.mktemp("wheel") / "sources"
    for path in tracked_files():
        name = path.relative_to(ROOT)
        if name.parts[0] in INGREDIENTS:
            (folder / name.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name)
    # In a tree without one, its place must be kept all the same.
    (folder / "assets" / "models").mkdir(parents=True, exist_ok=True)
    (folder / "assets" / "models" / "for-this-test.txt").write_text("here")
    return folder


@pytest.fixture(scope="module")
def site(sources: Path) -> Path:
    """A folder into which the wheel was unpacked, as pip does."""
    out = sources.parent
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--quiet", "--wheel-dir", out, sources],
        check=True,
        timeout=110,
    )  # fmt: skip
    (wheel,) = out.glob("athanor-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_every_file_of_the_program_and_every_asset_is_in_the_wheel(
    sources: Path, site: Path
) -> None:
    missing = [
        name
        for path in sources.rglob("*")
        if path.is_file() and (name := path.relative_to(sources)).parts[0] in {"app", "assets"}
        if not (site / ("app" if name.parts[0] == "assets" else "") / name).exists()
        and "build" not in name.parts
    ]

    assert missing == []


def test_the_wheel_puts_nothing_beside_its_package(site: Path) -> None:
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == {"app"}


def test_the_installed_program_finds_its_assets(site: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c",
         "import app; from app.settings.assets import assets_folder; "
         "print(app.__file__); print(assets_folder() / 'models' / 'for-this-test.txt')"],
        check=True,
        capture_output=True,
        text=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site), "ATHANOR_ASSETS": ""},
    )  # fmt: skip

    package, asset = map(Path, found.stdout.splitlines())
    assert package.is_relative_to(site)
    assert asset == site / "app" / "assets" / "models" / "for-this-test.txt"
    assert asset.exists()
