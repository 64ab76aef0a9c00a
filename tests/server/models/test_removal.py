"""Laws of deleting: our own files alone, all of them, and an answer that helps for any other."""

import os
from pathlib import Path

import pytest

from app.core.base.errors import NotOurs
from app.core.models.apps import OTHERS
from app.server.models.found import Place
from app.server.models.library import Library
from app.server.models.removal import Removal, delete, removal_of
from tests.server.models.assemble import STRING, Gguf, scalar
from tests.server.models.caches import content, hub, ollama, put_hub, put_ollama
from tests.server.models.shelf import put, read_all, scanned


def ours(folder: Path) -> Place:
    return Place(folder, "athanor")


def removal(library: Library, name: str) -> Removal:
    entry = read_all(library).find(name)
    return removal_of(entry, library.files(entry.name))


def test_a_model_of_ours_goes_with_its_empty_folders(tmp_path: Path) -> None:
    path = put(tmp_path / "org" / "repo-GGUF" / "m-Q4_0.gguf")
    put(tmp_path / "org" / "other-GGUF" / "n-Q4_0.gguf")
    size = path.stat().st_size

    going = removal(scanned(ours(tmp_path)), "m")
    delete(going)

    assert (going.paths, going.freed_bytes) == ((path,), size)
    assert sorted(os.listdir(tmp_path / "org")) == ["other-GGUF"]


def test_all_parts_of_a_split_model_go(tmp_path: Path) -> None:
    parts = [tmp_path / f"m-0000{number}-of-00003.gguf" for number in (1, 3)]
    for part in parts:
        part.write_bytes(content())

    delete(removal(scanned(ours(tmp_path)), "m"))

    assert list(tmp_path.iterdir()) == []


def test_a_projector_goes_with_the_last_model_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "org" / "vision-GGUF"
    put(folder / "v-Q4_0.gguf")
    put(folder / "v-Q8_0.gguf", extra=3)
    projector = Gguf(keys=[scalar("general.architecture", STRING, "clip")])
    projector.write(folder / "mmproj-f16.gguf")
    library = scanned(ours(tmp_path))

    delete(removal(library, "v:q4_0"))
    assert sorted(os.listdir(folder)) == ["mmproj-f16.gguf", "v-Q8_0.gguf"]
    library.scan()
    delete(removal(library, "v:q8_0"))

    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_of_ours_can_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"no model")

    delete(removal(scanned(ours(tmp_path)), "broken"))

    assert list(tmp_path.iterdir()) == []


def test_a_link_of_ours_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    target = put(tmp_path / "elsewhere" / "m.gguf")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "m.gguf").symlink_to(target)

    going = removal(scanned(ours(folder)), "m")
    delete(going)

    assert going.freed_bytes == 0
    assert target.exists() and list(folder.iterdir()) == []


def test_what_lies_behind_a_linked_folder_is_not_ours(tmp_path: Path) -> None:
    target = put(tmp_path / "elsewhere" / "m.gguf")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "linked").symlink_to(target.parent)

    with pytest.raises(NotOurs):
        removal(scanned(ours(folder)), "m")
    assert target.exists()


def test_of_a_model_with_copies_ours_alone_goes(tmp_path: Path) -> None:
    data = content()
    theirs = put_hub(tmp_path / "hub", "org/m-GGUF", "m-Q4_0.gguf", data)
    mine = tmp_path / "models" / "m-Q4_0.gguf"
    mine.parent.mkdir()
    mine.write_bytes(data)

    library = scanned(hub(tmp_path / "hub"), ours(tmp_path / "models"))
    delete(removal(library, "m"))

    assert theirs.exists() and not mine.exists()


def test_every_program_that_has_a_copy_is_named_with_its_way_to_delete_it(tmp_path: Path) -> None:
    put_hub(tmp_path / "hub", "org/m-GGUF", "m-Q4_0.gguf", content("M"))
    put_ollama(tmp_path / "ollama", "library/m:1b", content("M"))
    library = scanned(hub(tmp_path / "hub"), ollama(tmp_path / "ollama"))

    with pytest.raises(NotOurs) as raised:
        removal(library, "m:1b")

    assert "hf cache rm model/org/m-GGUF" in raised.value.remedy
    assert "ollama rm m:1b" in raised.value.remedy


def test_a_model_of_another_program_stays_and_its_own_way_to_delete_it_is_named(
    tmp_path: Path,
) -> None:
    put_hub(tmp_path / "hub", "org/m-GGUF", "m-Q4_0.gguf", content("M"))
    put_ollama(tmp_path / "ollama", "library/o:1b", content("O"))
    put(tmp_path / "folder" / "f.gguf", name="F")
    put(tmp_path / "studio" / "org" / "s-GGUF" / "s.gguf", name="S")
    library = scanned(
        hub(tmp_path / "hub"),
        ollama(tmp_path / "ollama"),
        Place(tmp_path / "folder"),
        Place(tmp_path / "studio", "lm-studio"),
    )
    remedies = {"m": "hf cache rm model/org/m-GGUF", "o:1b": "ollama rm o:1b"}
    remedies |= {"f": str(tmp_path / "folder" / "f.gguf"), "s": "My Models"}

    for name, remedy in remedies.items():
        with pytest.raises(NotOurs) as raised:
            removal(library, name)
        assert remedy in raised.value.remedy

    assert len(library.entries()) == 4
    assert {entry.app for entry in library.entries()} <= {*OTHERS, "folder"}
