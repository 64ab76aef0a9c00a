"""Laws of identity: the same content is one model, wherever and however it is called."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from app.core.base.errors import ModelFileInvalid
from app.server.models.found import part_of
from app.server.models.hashing import FileChanged, HashingStopped, sha256_of
from app.server.models.library import Library
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.models.caches import content, hub, ollama, put_hub, put_ollama, sha256
from tests.server.models.shelf import names, put, read_all, scanned


def hash_all(library: Library) -> Library:
    """What a hasher does, without its thread."""
    read_all(library)
    while due := library.unhashed():
        library.hashed(due[0], sha256_of(due[0].path, due[0].part))
    return library


def test_the_digest_of_a_file_is_its_contents(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")

    (entry,) = hash_all(scanned(tmp_path)).entries()

    assert (entry.sha256, entry.proof) == (sha256(path.read_bytes()), "computed")


def test_the_identity_of_a_split_model_is_that_of_its_parts_in_order(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    first = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(first.parent.glob(first.name.replace("00001-of", "*-of")))
    for part in parts:
        (tmp_path / part.name).write_bytes(part.read_bytes())

    (entry,) = hash_all(scanned(tmp_path)).entries()

    lines = "".join(f"{sha256(part.read_bytes())}\n" for part in parts)
    assert entry.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_files_of_one_content_are_one_model_under_both_names(tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.gguf")
    other = put(tmp_path / "org" / "other-GGUF" / "other.gguf")
    library = scanned(tmp_path)
    assert names(library) == ["mine", "other"]

    hash_all(library)

    (entry,) = library.entries()
    assert (entry.name, entry.path) == ("mine", str(mine))
    assert entry.duplicates == (str(other),)
    assert library.find("other") == library.find("org/other-GGUF") == entry
    assert "other" in entry.aliases


def test_a_claimed_digest_finds_a_copy_without_reading_anything(tmp_path: Path) -> None:
    data = content("Qwen3 8B")
    put_hub(tmp_path / "hub", "bartowski/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", data)
    put_ollama(tmp_path / "ollama", "library/qwen3:8b", data)

    library = read_all(scanned(hub(tmp_path / "hub"), ollama(tmp_path / "ollama")))

    (entry,) = library.entries()
    assert (entry.name, entry.proof) == ("qwen3-8b:q4_k_m", "claimed")
    assert [(copy.app, copy.names) for copy in entry.copies] == [("ollama", ("qwen3:8b",))]
    assert library.find("ollama/qwen3:8b") == entry
    assert library.unhashed() == ()


def test_files_of_one_name_and_size_part_when_their_contents_differ(tmp_path: Path) -> None:
    put(tmp_path / "a" / "m-Q8_0.gguf", name="Aaaaa")
    put(tmp_path / "b" / "m-Q8_0.gguf", name="Bbbbb")
    library = scanned(tmp_path)
    assert names(library) == ["m:q8_0"]

    hash_all(library)

    assert names(library) == ["m:q8_0", "b/m:q8_0"]
    assert all(entry.copies == () for entry in library.entries())


def test_a_claim_is_checked_when_somebody_wants_that(tmp_path: Path) -> None:
    put_ollama(tmp_path, "library/m:1b", content())
    library = read_all(scanned(ollama(tmp_path)))
    name = library.entries()[0].name

    library.want_digest(name)
    hash_all(library)

    assert library.entries()[0].proof == "computed"


def test_a_file_that_is_not_what_its_name_claims_is_never_offered(tmp_path: Path) -> None:
    data = content("Real")
    altered = put_ollama(tmp_path / "o", "library/m:1b", content("Evil"), digest=sha256(data))
    put_hub(tmp_path / "h", "org/m-1b-GGUF", "m-1b.gguf", data)
    library = read_all(scanned(ollama(tmp_path / "o"), hub(tmp_path / "h")))
    (entry,) = library.entries()
    assert (entry.path, len(entry.copies)) == (str(altered), 1)

    library.want_digest(entry.name)
    hash_all(library)

    good = [entry for entry in library.entries() if not entry.refusal]
    bad = [entry for entry in library.entries() if entry.refusal]
    assert [entry.app for entry in good] == ["hugging-face"]
    assert "was altered" in bad[0].refusal and bad[0].proof == "altered"
    with pytest.raises(ModelFileInvalid, match="altered"):
        library.card(str(altered))


def test_a_good_copy_takes_the_name_of_one_that_turns_out_broken(tmp_path: Path) -> None:
    broken = put(tmp_path / "a" / "m-Q8_0.gguf")
    whole = put(tmp_path / "b" / "m-Q8_0.gguf")
    broken.write_bytes(b"GGUX" + broken.read_bytes()[4:])
    library = scanned(tmp_path)
    assert library.find("m:q8_0").path == str(broken)

    read_all(library)

    assert library.find("m:q8_0").path == str(whole)
    assert [bool(entry.refusal) for entry in library.entries()] == [True, False]


# --- what is remembered ------------------------------------------------------------------------


def test_no_file_is_read_twice(tmp_path: Path) -> None:
    put(tmp_path / "models" / "m.gguf")
    digests = tmp_path / "cache" / "digests.json"
    before = hash_all(scanned(tmp_path / "models", digests_file=digests)).entries()

    library = read_all(scanned(tmp_path / "models", digests_file=digests))

    assert library.unhashed() == ()
    assert library.entries() == before


@pytest.mark.parametrize("change", ["content", "time", "inode"])
def test_a_file_that_is_another_is_read_again(change: str, tmp_path: Path) -> None:
    path, digests = put(tmp_path / "models" / "m.gguf"), tmp_path / "digests.json"
    hash_all(scanned(path.parent, digests_file=digests))
    status = path.stat()

    if change == "content":
        put(path, extra=3)
    elif change == "time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        twin = path.with_name("twin")
        twin.write_bytes(path.read_bytes())
        os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
        twin.replace(path)

    library = read_all(scanned(path.parent, digests_file=digests))
    assert [due.path for due in library.unhashed()] == [path]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'{"version":0,"files":{}}'])
def test_damaged_digests_are_forgotten(text: bytes, tmp_path: Path) -> None:
    path, digests = put(tmp_path / "models" / "m.gguf"), tmp_path / "digests.json"
    digests.write_bytes(text)

    hash_all(scanned(path.parent, digests_file=digests))

    kept = msgspec.json.decode(digests.read_bytes())
    assert kept["files"][str(path)][1] == sha256(path.read_bytes())


# --- reading -----------------------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")
    part = part_of(path.stat())

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(FileChanged):
        sha256_of(path, part, on_bytes=grow)
    with pytest.raises(FileChanged):
        sha256_of(path, part)


def test_a_file_that_is_still_written_is_refused_until_it_rests(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")
    library = read_all(scanned(tmp_path))
    (due,) = library.unhashed()
    put(path, extra=3)

    library.changing(due.path)

    assert "something is still writing it" in library.entries()[0].refusal
    with pytest.raises(ModelFileInvalid):
        library.card("m")
    library.scan()
    hash_all(library)
    (entry,) = library.entries()
    assert (entry.refusal, entry.proof) == ("", "computed")


def test_reading_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")

    with pytest.raises(HashingStopped):
        sha256_of(path, part_of(path.stat()), is_stopped=lambda: True)
