"""The installers of two versions, and a Windows to run them in, with a screen where it is asked."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.installers.support import needs
from tests.packaging.installers.windows.screen import Screen
from tests.packaging.installers.windows.wine import Windows, installer_of
from tests.server.hardware.surroundings.desktops import x_server


@pytest.fixture(scope="package")
def installers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of 0.1.0 and 0.2.0."""
    needs("makensis", "wine")
    folder = tmp_path_factory.mktemp("installers")
    return installer_of(folder, "0.1.0"), installer_of(folder, "0.2.0")


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix that was begun once; a copy of it takes a second, a new one ten."""
    needs("wine", "wineserver")
    prefix = tmp_path_factory.mktemp("wine") / "prefix"
    Windows(prefix).end()
    return prefix


@pytest.fixture
def prefix(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the template, gone afterwards: it is large."""
    made = tmp_path / "prefix"
    shutil.copytree(template, made, symlinks=True)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def windows(prefix: Path) -> Iterator[Windows]:
    """Without a screen."""
    made = Windows(prefix)
    yield made
    made.end()


@pytest.fixture
def screen(prefix: Path) -> Iterator[Screen]:
    """A Windows with a screen and a keyboard."""
    needs("makensis", "Xvfb", "xdotool")
    with x_server() as display:
        made = Screen(Windows(prefix, display=display), display)
        yield made
        made.windows.end()
