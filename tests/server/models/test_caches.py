"""Laws of other programs' caches: their models are offered in place, under every name they have."""

import json
import os
from pathlib import Path

import pytest

from app.core.models.apps import found_in
from app.server.models.found import Place
from tests.server.models.caches import (
    OLDER,
    content,
    hub,
    llama_cpp,
    ollama,
    put_hub,
    put_llama,
    put_ollama,
    sha256,
)
from tests.server.models.shelf import names, put, read_all, scanned

# --- Hugging Face ------------------------------------------------------------------------------


def test_a_file_of_the_hub_cache_is_named_by_its_repository(tmp_path: Path) -> None:
    data = content()
    link = put_hub(tmp_path, "bartowski/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", data)

    library = read_all(scanned(hub(tmp_path)))

    (entry,) = library.entries()
    assert (entry.name, entry.path, entry.app) == ("qwen3-8b:q4_k_m", str(link), "hugging-face")
    assert (entry.sha256, entry.proof) == (sha256(data), "claimed")
    assert entry.card is not None
    assert "bartowski/Qwen3-8B-GGUF:Q4_K_M" in entry.aliases
    assert library.find("hf.co/bartowski/Qwen3-8B-GGUF:Q4_K_M") == entry
    assert found_in(entry.app) == "found in the Hugging Face cache"


def test_of_several_revisions_the_one_that_main_names_is_offered(tmp_path: Path) -> None:
    put_hub(tmp_path, "a/m-GGUF", "m-Q4_0.gguf", content("Old", extra=3), revision=OLDER)
    newest = put_hub(tmp_path, "a/m-GGUF", "m-Q4_0.gguf", content("New"))
    only_old = put_hub(
        tmp_path, "a/m-GGUF", "m-Q8_0.gguf", content("Eight"), revision=OLDER, is_main=False
    )

    library = read_all(scanned(hub(tmp_path)))

    assert [entry.path for entry in library.entries()] == [str(newest), str(only_old)]
    assert library.card("m:q4_0").name == "New"


def test_a_folder_of_a_repository_is_no_part_of_a_name(tmp_path: Path) -> None:
    put_hub(tmp_path, "org/Big-GGUF", "Q4_K_M/Big-70B-Q4_K_M.gguf", content())

    library = scanned(hub(tmp_path))

    assert names(library) == ["big-70b:q4_k_m"]
    assert library.find("org/Big-GGUF:Q4_K_M").name == "big-70b:q4_k_m"


def test_a_download_of_the_hub_that_is_under_way_or_was_deleted_is_not_offered(
    tmp_path: Path,
) -> None:
    link = put_hub(tmp_path, "a/b-GGUF", "b-Q4_0.gguf", content())
    (link.parents[2] / "blobs" / "c0ffee.incomplete").write_bytes(content())
    link.resolve().unlink()
    (tmp_path / "models--a--never" / "refs").mkdir(parents=True)
    (tmp_path / "datasets--a--b" / "snapshots").mkdir(parents=True)

    library = scanned(hub(tmp_path))

    assert library.entries() == ()
    assert library.troubles() == ()


def test_where_there_are_no_links_the_file_in_the_snapshot_is_the_model(tmp_path: Path) -> None:
    link = put_hub(tmp_path, "a/b-GGUF", "b-Q4_0.gguf", content())
    target = link.resolve()
    link.unlink()
    target.rename(link)

    (entry,) = scanned(hub(tmp_path)).entries()

    assert (entry.name, entry.proof) == ("b:q4_0", "none")


# --- llama.cpp ---------------------------------------------------------------------------------


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_flat_file_of_llama_cpp_is_named_by_its_repository(
    has_manifest: bool, tmp_path: Path
) -> None:
    data = content()
    put_llama(
        tmp_path, "ggml-org/gemma-3-1b-it-GGUF", "gemma-3-1b-it-Q4_K_M.gguf", data,
        has_manifest=has_manifest,
    )  # fmt: skip

    library = scanned(llama_cpp(tmp_path))

    (entry,) = library.entries()
    assert (entry.name, entry.app) == ("gemma-3-1b-it:q4_k_m", "llama.cpp")
    assert entry.proof == ("claimed" if has_manifest else "none")
    assert library.find("ggml-org/gemma-3-1b-it-GGUF:Q4_K_M") == entry
    assert library.find("gemma-3-1b-it") == entry


def test_llama_cpps_cache_of_either_layout_may_lie_in_one_folder(tmp_path: Path) -> None:
    put_llama(tmp_path, "a/one-GGUF", "one-Q4_0.gguf", content("One"))
    put_hub(tmp_path, "a/two-GGUF", "two-Q4_0.gguf", content("Two"))
    put(tmp_path / "three.gguf", name="Three")
    (tmp_path / "four.gguf.downloadInProgress").write_bytes(content("Four"))

    assert sorted(names(scanned(llama_cpp(tmp_path)))) == ["one:q4_0", "three", "two:q4_0"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ggufFile": 7}', '{"ggufFile": null}'])
def test_a_manifest_that_is_none_costs_a_name_and_nothing_else(text: str, tmp_path: Path) -> None:
    put_llama(tmp_path, "a/one-GGUF", "one-Q4_0.gguf", content())
    (tmp_path / "manifest=a=one-GGUF=latest.json").write_text(text)

    assert names(scanned(llama_cpp(tmp_path))) == ["one:q4_0"]


# --- Ollama ------------------------------------------------------------------------------------


def test_a_blob_of_ollama_is_a_model_under_its_tags(tmp_path: Path) -> None:
    data = content("Llama 3.2")
    blob = put_ollama(tmp_path, "library/llama3.2:latest", data)
    put_ollama(tmp_path, "library/llama3.2:3b", data)

    library = read_all(scanned(ollama(tmp_path)))

    (entry,) = library.entries()
    assert (entry.name, entry.path, entry.app) == ("llama3.2:3b", str(blob), "ollama")
    assert (entry.sha256, entry.proof) == (sha256(data), "claimed")
    assert entry.names == ("llama3.2:3b", "llama3.2:latest")
    for spelling in ("llama3.2", "llama3.2:latest", "ollama/llama3.2:3b", "library/llama3.2:3b"):
        assert library.find(spelling) == entry
    assert library.card("llama3.2").name == "Llama 3.2"


def test_a_name_without_a_tag_is_ollamas_latest(tmp_path: Path) -> None:
    put_ollama(tmp_path, "library/llama3.2:1b", content("One"))
    put_ollama(tmp_path, "library/llama3.2:3b", content("Three"))
    put_ollama(tmp_path, "library/llama3.2:latest", content("Three"))

    library = read_all(scanned(ollama(tmp_path)))

    assert library.find("llama3.2").name == "llama3.2:3b"
    assert library.find("ollama/llama3.2:latest").name == "llama3.2:3b"


NAMED = [
    ("registry.ollama.ai", "library/qwen3:8b-q8_0", "qwen3:8b-q8_0", "qwen3:8b-q8_0"),
    ("registry.ollama.ai", "anna/poet:latest", "poet", "anna/poet"),
    ("registry.ollama.ai", "anna/poet:v2", "poet:v2", "anna/poet:v2"),
    (
        "hf.co",
        "unsloth/Qwen3-8B-GGUF:Q4_K_M",
        "qwen3-8b:q4_k_m",
        "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M",
    ),
    ("hf.co", "unsloth/Qwen3-8B-GGUF:latest", "qwen3-8b", "hf.co/unsloth/Qwen3-8B-GGUF"),
    ("reg.example.org:5000", "team/own:1", "own:1", "reg.example.org:5000/team/own:1"),
]


@pytest.mark.parametrize(("host", "name", "expected", "spelling"), NAMED)
def test_a_model_of_any_registry_is_found_as_ollama_spells_it(
    host: str, name: str, expected: str, spelling: str, tmp_path: Path
) -> None:
    put_ollama(tmp_path, name, content(), host=host)

    library = scanned(ollama(tmp_path))

    assert names(library) == [expected]
    assert library.find(spelling).name == expected


def test_a_blob_of_ollama_that_is_not_whole_is_refused_with_the_numbers(tmp_path: Path) -> None:
    data = content()
    blob = put_ollama(tmp_path, "library/half:1b", data)
    blob.write_bytes(data[:-10])

    (entry,) = read_all(scanned(ollama(tmp_path))).entries()

    assert entry.refusal == f"half:1b: it has {len(data) - 10} of {len(data)} bytes"


def test_a_model_of_ollama_without_its_blob_or_with_an_adapter_says_so(tmp_path: Path) -> None:
    kind = "application/vnd.ollama.image.adapter"
    adapter: dict[str, object] = {"mediaType": kind, "digest": "sha256:" + "c" * 64}
    put_ollama(tmp_path, "library/base:1b", content("Base"))
    put_ollama(tmp_path, "anna/tuned:1b", content("Base"), layers=(adapter,))
    put_ollama(tmp_path, "library/gone:1b", content("Gone")).unlink()

    library = read_all(scanned(ollama(tmp_path)))

    refusals = {str(entry.name): entry.refusal for entry in library.entries()}
    assert refusals["base:1b"] == ""
    assert "with an adapter" in refusals["tuned:1b"]
    assert "weights are missing" in refusals["gone:1b"]


BAD_MANIFESTS = [
    "",
    "{",
    "[]",
    '{"layers": 3}',
    '{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}',
    '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]}',
    '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:AB"}]}',
]


@pytest.mark.parametrize("text", BAD_MANIFESTS)
def test_a_manifest_of_ollama_that_is_none_hides_no_other(text: str, tmp_path: Path) -> None:
    put_ollama(tmp_path, "library/good:1b", content())
    (tmp_path / "manifests" / "registry.ollama.ai" / "library" / "good" / "bad").write_text(text)

    assert names(scanned(ollama(tmp_path))) == ["good:1b"]


def test_an_older_store_of_ollama_with_colons_in_its_blobs_is_read(tmp_path: Path) -> None:
    blob = put_ollama(tmp_path, "library/old:7b", content())
    older = blob.rename(blob.with_name(blob.name.replace("sha256-", "sha256:")))

    (entry,) = read_all(scanned(ollama(tmp_path))).entries()

    assert (entry.path, entry.refusal) == (str(older), "")


# --- LM Studio, and folders of the owner -------------------------------------------------------


def test_a_model_of_lm_studio_is_named_by_publisher_and_repository(tmp_path: Path) -> None:
    put(tmp_path / "lmstudio-community" / "Qwen3-8B-GGUF" / "Qwen3-8B-Q4_K_M.gguf")
    partial = tmp_path / "lmstudio-community" / "Qwen3-8B-GGUF"
    (partial / "downloading_Qwen3-8B-Q8_0.gguf.part").write_bytes(content())

    library = scanned(Place(tmp_path, "lm-studio"))

    (entry,) = library.entries()
    assert (entry.name, entry.app) == ("qwen3-8b:q4_k_m", "lm-studio")
    assert library.find("lmstudio-community/qwen3-8b@q4_k_m") == entry


def test_a_cache_that_the_owner_added_as_a_folder_is_understood(tmp_path: Path) -> None:
    put_hub(tmp_path / "hub", "org/one-GGUF", "one-Q4_0.gguf", content("One"))
    put_ollama(tmp_path / "ollama", "library/two:1b", content("Two"))

    library = scanned(tmp_path / "hub", tmp_path / "ollama")

    assert names(library) == ["one:q4_0", "two:1b"]
    assert library.find("org/one-GGUF:Q4_0").app == "folder"


def test_nothing_in_any_cache_is_changed_by_looking(tmp_path: Path) -> None:
    put_hub(tmp_path / "hub", "org/one-GGUF", "one-Q4_0.gguf", content("One"))
    put_ollama(tmp_path / "ollama", "library/two:1b", content("Two"))
    put_llama(tmp_path / "llama", "a/three-GGUF", "three-Q4_0.gguf", content("Three"))
    before = _state(tmp_path)

    read_all(
        scanned(hub(tmp_path / "hub"), ollama(tmp_path / "ollama"), llama_cpp(tmp_path / "llama"))
    )

    assert _state(tmp_path) == before


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        os.path.join(root, name): (status.st_mtime_ns, status.st_size)
        for root, folders, files in os.walk(folder)
        for name in (*folders, *files)
        for status in [os.lstat(os.path.join(root, name))]
    }


# --- files that are not whole ------------------------------------------------------------------


@pytest.mark.parametrize(
    "suffix",
    [".part", ".partial", ".incomplete", ".download", ".crdownload", ".downloadInProgress"],
)
def test_a_file_that_is_being_downloaded_is_never_listed(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"m-Q4_0.gguf{suffix}").write_bytes(content())

    assert scanned(tmp_path).entries() == ()
    (named,) = scanned(tmp_path / f"m-Q4_0.gguf{suffix}").entries()
    assert "it is not whole" in named.refusal


@pytest.mark.parametrize("suffix", [".aria2", ".st"])
def test_a_file_that_a_downloader_fills_in_place_is_refused_until_it_is_done(
    suffix: str, tmp_path: Path
) -> None:
    path = put(tmp_path / "m-Q4_0.gguf")
    control = tmp_path / f"{path.name}{suffix}"
    control.write_text("")
    library = read_all(scanned(tmp_path))
    assert f"still being downloaded; {control.name}" in library.entries()[0].refusal

    control.unlink()

    library.scan()
    assert read_all(library).entries()[0].refusal == ""


def test_a_manifest_says_which_parts_of_a_split_model_belong_together(tmp_path: Path) -> None:
    flat = "a_big-GGUF_big-Q4_0-0000{}-of-00002.gguf"
    for number in (1, 2):
        (tmp_path / flat.format(number)).write_bytes(content())
    file = {"rfilename": "big-Q4_0-00001-of-00002.gguf"}
    (tmp_path / "manifest=a=big-GGUF=Q4_0.json").write_text(json.dumps({"ggufFile": file}))

    (entry,) = scanned(llama_cpp(tmp_path)).entries()

    assert entry.name == "big:q4_0"
    assert len(entry.shards) == 2
