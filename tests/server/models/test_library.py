"""Laws of the library, on real files in real folders."""

import os
import threading
from pathlib import Path

import pytest

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.server.models import listing
from app.server.models.found import Place
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.models.assemble import STRING, Gguf, scalar
from tests.server.models.shelf import names, put, read_all, scanned


def test_models_are_listed_by_name_and_size_before_any_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "Small-Q4_K_M.gguf")

    (entry,) = scanned(tmp_path).entries()

    assert entry.name == "small:q4_k_m"
    assert entry.path == str(path)
    assert entry.size_bytes == path.stat().st_size
    assert entry.modified == pytest.approx(path.stat().st_mtime)
    assert (entry.card, entry.refusal, entry.is_read) == (None, "", False)
    assert entry.source().backend == "llama"


def test_cards_are_read_one_by_one_until_all_are(tmp_path: Path) -> None:
    put(tmp_path / "a.gguf")
    put(tmp_path / "b.gguf")
    library = scanned(tmp_path)

    assert library.read_next()
    assert [entry.is_read for entry in library.entries()] == [True, False]
    assert library.read_next()
    assert not library.read_next()
    assert all(entry.card for entry in library.entries())


def test_folders_within_folders_are_listed_and_hidden_ones_are_not(tmp_path: Path) -> None:
    put(tmp_path / "publisher" / "Model-GGUF" / "Model-Q8_0.gguf")
    put(tmp_path / ".cache" / "hidden.gguf")
    (tmp_path / "readme.md").write_text("no model")

    library = scanned(tmp_path)

    assert names(library) == ["model:q8_0"]
    assert library.find("publisher/Model-GGUF:Q8_0").name == "model:q8_0"


def test_a_split_model_is_one_entry_of_all_its_bytes(gguf_store: GgufStore, tmp_path: Path) -> None:
    first = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(first.parent.glob(first.name.replace("00001-of", "*-of")))
    for part in parts:
        (tmp_path / part.name).write_bytes(part.read_bytes())

    library = read_all(scanned(tmp_path))

    (entry,) = library.entries()
    assert entry.shards == tuple(str(tmp_path / part.name) for part in parts)
    assert entry.path == entry.shards[0]
    assert entry.size_bytes == sum(part.stat().st_size for part in parts)
    assert entry.card is not None


def test_a_split_model_without_its_first_part_says_what_is_missing(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    first = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(first.parent.glob(first.name.replace("00001-of", "*-of")))
    for part in parts[1:]:
        (tmp_path / part.name).write_bytes(part.read_bytes())

    (entry,) = read_all(scanned(tmp_path)).entries()

    assert f"1 of its {len(parts)} part is missing: {first.name}" in entry.refusal
    assert "download" in entry.remedy


def test_a_broken_file_is_listed_with_its_reason(tmp_path: Path) -> None:
    path = put(tmp_path / "broken.gguf")
    path.write_bytes(path.read_bytes()[:-9])

    library = read_all(scanned(tmp_path))

    (entry,) = library.entries()
    assert "9 of" in entry.refusal
    assert entry.card is None
    with pytest.raises(ModelFileInvalid, match="bytes are missing"):
        library.card("broken")


@pytest.mark.parametrize("name", ["mmproj-f16.gguf", "vision.gguf"])
def test_a_projector_is_no_model_and_says_so_when_it_is_named(name: str, tmp_path: Path) -> None:
    projector = Gguf(keys=[scalar("general.architecture", STRING, "clip")])
    path = projector.write(tmp_path / name)

    library = read_all(scanned(tmp_path))

    assert library.entries() == ()
    with pytest.raises(ModelFileInvalid, match="projector, which serves beside") as raised:
        library.card(str(path))
    assert raised.value.remedy.startswith("Nothing is wrong with it")


def test_a_file_copied_later_is_found_when_it_is_named(tmp_path: Path) -> None:
    library = scanned(tmp_path)
    put(tmp_path / "new" / "late-Q4_0.gguf")

    assert library.find("late").name == "late:q4_0"
    assert library.card("late").name == "Small"


def test_a_file_that_grew_whole_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path / "slow.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    library = read_all(scanned(tmp_path))

    path.write_bytes(whole)

    assert library.card("slow").name == "Small"
    assert library.find("slow").refusal == ""


def test_a_header_never_stands_beside_the_size_of_another_state_of_its_file(
    tmp_path: Path,
) -> None:
    path = put(tmp_path / "m.gguf")
    library = scanned(tmp_path)
    listed = path.stat().st_size
    put(path, extra=64)

    library.read_next()

    (entry,) = library.entries()
    assert (entry.size_bytes, entry.card) == (listed, None)
    assert "something is still writing it" in entry.refusal
    library.scan()
    (entry,) = read_all(library).entries()
    assert (entry.size_bytes, entry.refusal) == (path.stat().st_size, "")
    assert entry.card is not None


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf", name="Old")
    library = read_all(scanned(tmp_path))

    put(path, name="Another")

    assert library.card("m").name == "Another"


def test_a_deleted_file_is_no_longer_found(tmp_path: Path) -> None:
    path = put(tmp_path / "gone.gguf")
    library = read_all(scanned(tmp_path))

    path.unlink()

    with pytest.raises(ModelNotFound):
        library.card("gone")
    assert names(library) == []


def test_an_unknown_name_brings_the_nearest(tmp_path: Path) -> None:
    put(tmp_path / "Qwen3-8B-Q4_K_M.gguf")

    with pytest.raises(ModelNotFound) as raised:
        scanned(tmp_path).find("qwen-8b")

    assert raised.value.nearest == ("qwen3-8b:q4_k_m",)
    assert not raised.value.remedy


def test_an_unknown_name_with_none_near_brings_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound) as raised:
        scanned(tmp_path).find("gpt-9")

    assert "`athanor models`" in raised.value.remedy
    assert "GET /v1/models" in raised.value.remedy


def test_what_the_file_calls_itself_is_a_name_once_it_is_read(tmp_path: Path) -> None:
    put(tmp_path / "download.gguf", name="Alchemist 7B")

    library = read_all(scanned(tmp_path))

    assert library.find("alchemist-7b").name == "download"


def test_a_whole_path_is_a_name(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")

    assert scanned(tmp_path).find(str(path)).name == "m"


def test_the_same_model_twice_is_one_entry(tmp_path: Path) -> None:
    first = put(tmp_path / "a" / "m-Q8_0.gguf")
    second = put(tmp_path / "b" / "m-Q8_0.gguf")

    library = scanned(tmp_path)

    (entry,) = library.entries()
    assert (entry.path, entry.duplicates) == (str(first), (str(second),))
    assert library.find(str(second)) == entry


def test_other_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "a" / "m.gguf")
    put(tmp_path / "b" / "m.gguf", extra=5)
    put(tmp_path / "b" / "deep" / "b" / "m.gguf", extra=9)

    library = scanned(tmp_path)

    assert names(library) == ["m", "b/m", "deep/b/m"]
    assert library.find("b/m").path == str(tmp_path / "b" / "m.gguf")
    assert len({library.find(name).path for name in names(library)}) == 3


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put(store / "blob.gguf")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "Nice-Q4_0.gguf").symlink_to(store / "blob.gguf")
    (folder / "dead.gguf").symlink_to(store / "none.gguf")
    (folder / "again").symlink_to(folder)

    library = read_all(scanned(folder))

    (entry,) = library.entries()
    assert entry.name == "nice:q4_0"
    assert entry.card is not None
    assert any("dead.gguf" in trouble for trouble in library.troubles())


def test_a_folder_that_is_not_there_is_a_trouble_and_no_failure(tmp_path: Path) -> None:
    put(tmp_path / "here" / "m.gguf")

    library = scanned(tmp_path / "away", tmp_path / "here")

    assert names(library) == ["m"]
    assert library.troubles() == (
        f"{tmp_path / 'away'} cannot be read: No such file or directory.",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_a_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)

    library = scanned(folder)

    assert "Permission denied" in library.troubles()[0]


def test_a_folder_with_far_too_much_is_not_listed_whole(tmp_path: Path) -> None:
    made = listing.Listing(entries_left=10)
    for index in range(20):
        put(tmp_path / f"{index:02}.gguf")

    made.add_folder(Place(tmp_path))

    assert len(made.found) == 10
    assert "not listed whole" in made.troubles[0].message


def test_a_name_that_is_no_unicode_is_a_trouble(tmp_path: Path) -> None:
    put(tmp_path / "m.gguf")
    os.rename(os.fsencode(tmp_path / "m.gguf"), os.fsencode(tmp_path) + b"/m\xff.gguf")

    library = scanned(tmp_path)

    assert names(library) == []
    assert "not valid Unicode" in library.troubles()[0]
    library.troubles()[0].encode()


def test_a_toy_counts_only_when_it_is_named_itself(tmp_path: Path) -> None:
    toy = tmp_path / "echo.toy"
    toy.write_text('{"is_embedding": true, "context_trained": 99, "load_seconds": 1}')

    assert names(scanned(tmp_path)) == []
    library = scanned(toy)
    assert names(library) == ["echo"]
    assert library.find("echo").source().backend == "toy"
    card = library.card("echo")
    assert (card.architecture, card.is_embedding, card.context_trained) == ("toy", True, 99)


def test_a_toy_that_is_no_json_is_refused(tmp_path: Path) -> None:
    toy = tmp_path / "bad.toy"
    toy.write_text("{")

    with pytest.raises(ModelFileInvalid, match="no toy"):
        scanned(toy).card("bad")


def test_a_file_named_itself_that_is_not_there_is_listed_until_it_is(tmp_path: Path) -> None:
    path = tmp_path / "soon.gguf"
    library = read_all(scanned(path))
    assert "No such file" in library.entries()[0].refusal

    put(path)

    assert library.card("soon").name == "Small"


def test_a_file_in_a_folder_and_named_itself_is_one_entry(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")

    assert names(scanned(path, tmp_path)) == ["m"]


def test_threads_may_read_scan_and_find_at_the_same_time(tmp_path: Path) -> None:
    for index in range(20):
        put(tmp_path / f"m{index}.gguf", extra=index + 1)
    library = scanned(tmp_path)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(20):
                if number == 0:
                    library.read_next()
                elif number == 1:
                    put(tmp_path / f"new{index}.gguf")
                    library.scan()
                else:
                    assert library.card(f"m{index}").name == "Small"
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert all(entry.card for entry in read_all(library).entries())
