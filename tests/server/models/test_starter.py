"""Laws of the model that comes with the program: offered as it was made, or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.base.errors import ModelNotFound
from app.server.models.library import Library
from app.server.models.starter import MANIFEST, Starter
from tests.server.models.shelf import names, put, read_all
from tests.support.assets import STARTER, alter, put_assets, starter_of


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    return put_assets(tmp_path / "assets", put(tmp_path / "made" / "any.gguf"))


def _library(assets: Path, *places: Path) -> Library:
    library = Library(places, starter=Starter(assets))
    library.scan()
    return library


def test_an_empty_library_lists_the_demonstration(assets: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    library = read_all(_library(assets, tmp_path / "own"))

    (entry,) = library.entries()

    assert (entry.name, entry.is_demonstration) == (STARTER, True)
    assert entry.path == str(starter_of(assets))
    assert entry.card is not None
    assert library.troubles() == ()


def test_a_model_of_the_owner_takes_its_place_and_its_name_still_finds_it(
    assets: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    library = _library(assets, own)
    put(own / "mine.gguf", extra=1)
    library.scan()

    assert names(library) == ["mine"]
    for spelling in (STARTER, "Athanor-Starter", "athanor/athanor-starter:latest"):
        assert library.find(spelling).is_demonstration
    assert library.card(STARTER).name == "Small"
    assert library.demonstration() == library.find(STARTER)

    (own / "mine.gguf").unlink()
    library.scan()

    assert names(library) == [STARTER]


def test_it_is_offered_beside_a_file_that_turned_out_to_be_broken(
    assets: Path, tmp_path: Path
) -> None:
    put(tmp_path / "own" / "half.gguf").write_bytes(b"GGUF and no more")
    library = _library(assets, tmp_path / "own")
    assert names(library) == ["half"]

    read_all(library)

    assert names(library) == [STARTER, "half"]


def test_it_is_no_model_of_the_owner_because_its_folder_is_looked_at(assets: Path) -> None:
    (entry,) = _library(assets, assets).entries()

    assert entry.is_demonstration


def test_another_model_of_the_same_name_gets_a_number(assets: Path, tmp_path: Path) -> None:
    put(tmp_path / "own" / f"{STARTER}.gguf", extra=1)

    library = _library(assets, tmp_path / "own")

    assert names(library) == [f"{STARTER}~2"]
    assert library.find(STARTER).is_demonstration


def _no_manifest(assets: Path) -> None:
    (assets / "models" / MANIFEST).unlink()


def _no_toml(assets: Path) -> None:
    (assets / "models" / MANIFEST).write_bytes(b"\xff\xfe = [")


def _another_form(assets: Path) -> None:
    (assets / "models" / MANIFEST).write_text('name = "x"\n')


def _no_file(assets: Path) -> None:
    starter_of(assets).unlink()


def _cut(assets: Path) -> None:
    starter_of(assets).write_bytes(starter_of(assets).read_bytes()[:-1])


def _altered(assets: Path) -> None:
    alter(starter_of(assets))


def _no_folder(assets: Path) -> None:
    shutil.rmtree(assets)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_manifest, "starter.toml cannot be read: No such file"),
        (_no_toml, "starter.toml is damaged"),
        (_another_form, "starter.toml is damaged"),
        (_no_file, "athanor-starter.gguf cannot be read: No such file"),
        (_cut, "bytes instead of"),
        (_altered, "is damaged: its SHA-256 is not the manifest's"),
        (_no_folder, "starter.toml cannot be read: No such file"),
    ],
)
def test_what_is_missing_or_damaged_is_not_offered_and_one_sentence_says_why(
    assets: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(assets)

    library = _library(assets)

    assert library.entries() == ()
    with pytest.raises(ModelNotFound):
        library.find(STARTER)
    (trouble,) = library.troubles()
    assert words in trouble
    assert "Install Athanor again" in trouble


def test_a_file_that_is_damaged_later_is_offered_no_more_and_one_mended_is_again(
    assets: Path,
) -> None:
    library = _library(assets)
    whole = starter_of(assets).read_bytes()
    alter(starter_of(assets))
    starter_of(assets).write_bytes(starter_of(assets).read_bytes() + b"more")

    library.scan()
    assert names(library) == []
    assert library.troubles()

    starter_of(assets).write_bytes(whole)
    library.scan()
    assert names(library) == [STARTER]
    assert library.troubles() == ()


def test_what_is_missing_is_told_only_where_it_is_missed(assets: Path, tmp_path: Path) -> None:
    _no_file(assets)
    path = put(tmp_path / "own" / "mine.gguf")
    library = read_all(_library(assets, tmp_path / "own"))
    assert library.troubles() == ()

    path.write_bytes(b"GGUF and no more")
    library.scan()
    read_all(library)

    (trouble,) = library.troubles()
    assert "athanor-starter.gguf cannot be read" in trouble
