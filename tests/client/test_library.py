"""Laws of the library over the wire: a real server, real files, other programs' caches."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.client.client import Client
from app.client.errors import ServerRefused
from app.settings.paths import Paths
from app.wire.library import LibraryModel
from app.wire.local import LoadRequest
from tests.gguf_made import GgufStore
from tests.server.models.caches import content, put_hub, put_llama, put_ollama, sha256
from tests.server.models.shelf import put
from tests.support.node import RunningNode, running_node

WAIT_SECONDS = 90

HOSTILE = (
    "<img src=x onerror=alert(1)>-Q4_0",
    '"><script>alert(1)<',
    "'; DROP TABLE models; --",
    "${jndi:ldap:x}{{7*7}}",
    "\x1b[31mred\x07",
    "a\u202eb\u2066c",
    "%2e%2e%2f#?&=+ ü 模型",
    "line\nbreak",
)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node on a machine where every other program has a model too."""
    root = tmp_path_factory.mktemp("crowded")
    person = root / "person"
    put_hub(root / "hub", "org/hubbed-GGUF", "hubbed-Q4_0.gguf", content("Hubbed"))
    put_llama(root / "llama", "org/flat-GGUF", "flat-Q4_0.gguf", content("Flat"))
    put(person / ".lmstudio" / "models" / "pub" / "studio-GGUF" / "studio-Q4_0.gguf", name="Studio")
    put_ollama(root / "ollama", "library/tagged:1b", content("Tagged"))
    put_ollama(root / "ollama", "library/twin:1b", content("Hubbed"))
    environment = {
        "HOME": str(person),
        "HF_HUB_CACHE": str(root / "hub"),
        "LLAMA_CACHE": str(root / "llama"),
        "OLLAMA_MODELS": str(root / "ollama"),
        "ATHANOR_MODELS_OTHER_APPS": "true",
        "ATHANOR_MODELS_STARTER": "false",
    }
    for stem in HOSTILE:
        put(root / "home" / "models" / f"{stem}.gguf", name=stem)
    with running_node(root / "home", environment=environment) as node:
        yield node


@pytest.fixture
def client(crowded: RunningNode) -> Iterator[Client]:
    with Client.find(Paths.under(crowded.home)) as client:
        yield client


@pytest.fixture
def own(home: Path) -> Iterator[Client]:
    """A node of this test's own, without any model."""
    with (
        running_node(home, environment={"ATHANOR_MODELS_STARTER": "false"}),
        Client.find(Paths.under(home)) as client,
    ):
        yield client


def until(client: Client, is_so: Callable[[dict[str, LibraryModel]], bool]) -> None:
    """Watches until the library is so; asks only when an event says that it changed."""
    done = threading.Timer(WAIT_SECONDS, client.stop)
    done.start()
    try:
        for _ in client.events():
            if is_so({model.name: model for model in client.library().models}):
                return
    finally:
        done.cancel()
    raise AssertionError("it never became so")


def test_the_models_of_every_program_are_offered_and_say_whose_they_are(client: Client) -> None:
    found = {model.name: model.found for model in client.look().models}

    assert found["hubbed:q4_0"] == "found in the Hugging Face cache"
    assert found["flat:q4_0"] == "found in llama.cpp's cache"
    assert found["studio:q4_0"] == "found in LM Studio"
    assert found["tagged:1b"] == "found in Ollama"
    assert "twin:1b" not in found
    listed = {model.id for model in client.models()}
    assert listed == set(found)


def test_the_same_content_in_two_programs_is_one_model_with_both_names(client: Client) -> None:
    client.look()

    model = client.library_model("twin:1b")

    assert model.name == "hubbed:q4_0"
    assert [(copy.origin, copy.found) for copy in model.copies] == [("ollama", "found in Ollama")]
    assert {"twin:1b", "org/hubbed-GGUF:q4_0".replace("q4_0", "Q4_0")} <= set(model.aliases)
    assert (model.sha256, model.digest) == (sha256(content("Hubbed")), "claimed")


def test_a_claimed_digest_is_checked_on_wish(client: Client) -> None:
    client.look()

    client.check_model("tagged:1b")

    until(client, lambda models: models["tagged:1b"].digest == "computed")


def test_a_model_of_another_program_is_not_deleted_and_its_own_way_is_named(
    crowded: RunningNode, client: Client
) -> None:
    client.look()
    root = crowded.home.parent
    before = sorted(str(path) for path in (root / "ollama").rglob("*"))

    with pytest.raises(ServerRefused) as raised:
        client.delete_model("tagged:1b")

    assert raised.value.status == 409
    assert "`ollama rm tagged:1b`" in raised.value.remedy
    assert not client.library_model("tagged:1b").may_delete
    assert sorted(str(path) for path in (root / "ollama").rglob("*")) == before


def test_a_hostile_file_name_is_data_and_nothing_else(crowded: RunningNode, client: Client) -> None:
    paths = {Path(model.path).stem: model for model in client.look().models}

    for stem in HOSTILE:
        assert paths[stem].title == stem
        assert client.library_model(paths[stem].name).path == paths[stem].path
        assert not set("<>\"'&\n\x1b\u202e /\\?#%") & set(paths[stem].name)
    answer = httpx.get(
        f"{crowded.root_url}/local/models", headers={"Authorization": f"Bearer {crowded.token}"}
    )
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "\x1b" not in answer.text


def test_a_strangers_page_learns_nothing_of_the_files(crowded: RunningNode) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for method, path in (
            ("GET", "/local/models"),
            ("DELETE", "/local/models/tagged:1b"),
            ("GET", "/local/folders"),
            ("POST", "/local/models/look"),
        ):
            answer = httpx.request(method, crowded.root_url + path, headers=headers)

            assert answer.status_code == 401
            assert "tagged" not in answer.text


def test_a_file_that_comes_is_offered_hashed_loaded_and_deleted_without_a_restart(
    own: Client, home: Path, gguf_store: GgufStore
) -> None:
    data = gguf_store.llama().read_bytes()
    path = home / "models" / "org" / "tiny-GGUF" / "tiny-Q8_0.gguf"
    path.parent.mkdir(parents=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data[:1000])
    assert own.look().models == own.look().broken == ()
    part.write_bytes(data)
    part.rename(path)

    until(own, lambda models: "tiny:q8_0" in models)
    until(own, lambda models: models["tiny:q8_0"].digest == "computed")
    assert own.library_model("org/tiny-GGUF").sha256 == sha256(data)
    own.load(LoadRequest(model="tiny", context=64))
    deleted = own.delete_model("tiny")

    assert (deleted.was_loaded, deleted.paths) == (True, (str(path),))
    assert deleted.freed_bytes == len(data)
    assert own.state().engines == () and own.models() == []
    assert os.listdir(home / "models") == []


def test_files_that_change_while_many_look_are_always_whole_or_refused(
    own: Client, home: Path
) -> None:
    sizes = {len(content(extra=extra)) for extra in range(1, 30)}
    stop = threading.Event()

    def write() -> None:
        for extra in range(1, 30):
            data = content(extra=extra)
            with (home / "models" / "m.gguf").open("wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
                file.write(data[len(data) // 2 :])
        stop.set()

    def look() -> None:
        while not stop.is_set():
            found = own.look()
            for model in found.models:
                # A file whose header was not read yet is listed as it lies there.
                assert model.size_bytes in sizes or not model.architecture
            for model in found.broken:
                assert model.refusal

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(write), *(pool.submit(look) for _ in range(3))]
        for task in tasks:
            task.result(WAIT_SECONDS)

    (model,) = own.look().models
    assert model.size_bytes == len(content(extra=29))


def test_folders_are_added_listed_and_taken_out(own: Client, tmp_path: Path) -> None:
    put(tmp_path / "more" / "m.gguf")

    added = own.add_folder(str(tmp_path / "more"))

    mine = next(folder for folder in added if folder.path == str(tmp_path / "more"))
    assert (mine.models, mine.is_removable, mine.origin) == (1, True, "folder")
    assert [model.id for model in own.models()] == ["m"]
    assert "m" in {model.name for model in own.library().models}
    left = own.remove_folder(str(tmp_path / "more"))
    assert mine.path not in {folder.path for folder in left}
    assert own.models() == [] and (tmp_path / "more" / "m.gguf").exists()


def test_an_unknown_model_is_not_found(client: Client) -> None:
    for ask in (client.library_model, client.delete_model, client.check_model):
        with pytest.raises(ServerRefused) as raised:
            ask("taged:1b")

        assert raised.value.status == 404
        assert "tagged:1b" in str(raised.value)
