"""Questions to a hub, and what is told when it does not let us in, has nothing or is not there."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from app.wire.download import (
    Describe,
    Described,
    Failed,
    Found,
    RangeRead,
    ReadRange,
    RemoteFile,
    SearchHub,
)
from tests.support.download_child import DownloadChild, download_child
from tests.support.hub import COMMIT, Hub, sha256

REPOSITORY = "someone/Some-GGUF"
CONTENT = bytes(range(256)) * 4096


def test_a_search_finds_repositories_with_their_facts(hub: Hub, child: DownloadChild) -> None:
    hub.add(REPOSITORY, {})
    hub.add("other/Thing-GGUF", {})

    answer = child.ask(SearchHub(query="some", limit=5))

    assert isinstance(answer, Found)
    (found,) = answer.repositories
    assert (found.name, found.downloads, found.architecture) == (REPOSITORY, 10, "llama")
    assert found.updated_at.startswith("2026-09-01")


def test_a_repository_is_described_at_one_commit_with_sizes_and_hashes(
    hub: Hub, child: DownloadChild
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT, "README.md": b"x"})

    answer = child.ask(Describe(repository=REPOSITORY))

    assert isinstance(answer, Described)
    file = RemoteFile(path="a-Q4_0.gguf", size=len(CONTENT), sha256=sha256(CONTENT))
    assert (answer.commit, answer.files, answer.licence) == (COMMIT, (file,), "apache-2.0")


def test_a_range_is_read_and_no_more_of_the_file(hub: Hub, child: DownloadChild) -> None:
    hub.add(REPOSITORY, {"a.gguf": CONTENT})

    answer = child.ask(
        ReadRange(repository=REPOSITORY, revision=COMMIT, path="a.gguf", begin=1000, length=5000)
    )

    assert answer == RangeRead(content=CONTENT[1000:6000])
    assert hub.sent == 5000


def test_the_token_is_shown_to_the_hub_and_to_no_other_host(hub: Hub) -> None:
    hub.add(REPOSITORY, {"a.gguf": CONTENT}, is_gated=True)
    with download_child({**hub.environment, "HF_TOKEN": "hf_secret"}) as child:
        answer = child.ask(
            ReadRange(repository=REPOSITORY, revision=COMMIT, path="a.gguf", begin=0, length=10)
        )

    assert isinstance(answer, RangeRead)
    tokens = {asked.host.partition(":")[0]: asked.token for asked in hub.asked}
    assert tokens == {"127.0.0.1": "Bearer hf_secret", "localhost": ""}


def test_a_gated_repository_says_where_to_agree_and_how_to_get_in(
    hub: Hub, child: DownloadChild
) -> None:
    hub.add(REPOSITORY, {"a.gguf": CONTENT}, is_gated=True)

    answer = child.ask(
        ReadRange(repository=REPOSITORY, revision=COMMIT, path="a.gguf", begin=0, length=10)
    )

    assert isinstance(answer, Failed)
    assert answer.kind == "access"
    assert f"{hub.endpoint}/{REPOSITORY}" in answer.remedy and "HF_TOKEN" in answer.remedy


@pytest.mark.parametrize("name", ["nobody/Nothing", "not a name", "a/b/c"])
def test_what_is_not_there_is_not_found(hub: Hub, child: DownloadChild, name: str) -> None:
    answer = child.ask(Describe(repository=name))

    assert isinstance(answer, Failed)
    assert answer.kind == "not_found"


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "busy"), (502, "unreachable"), (418, "refused")]
)
def test_a_hub_in_trouble_is_told_as_such(
    hub: Hub, child: DownloadChild, status: int, kind: str
) -> None:
    hub.status = status

    answer = child.ask(Describe(repository=REPOSITORY))

    assert isinstance(answer, Failed)
    assert answer.kind == kind


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"id": "a/b"}',
        b'{"id": "a/b", "sha": "../../x", "siblings": []}',
        b'{"id": "a/b", "sha": "%s", "siblings": [{"rfilename": 3, "size": 1}]}' % COMMIT.encode(),
        b'{"id": "a/b", "sha": "%s", "siblings": 7}' % COMMIT.encode(),
        b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode(),
)
def test_an_answer_that_makes_no_sense_is_refused(
    hub: Hub, child: DownloadChild, body: bytes
) -> None:
    hub.body = body

    answer = child.ask(Describe(repository=REPOSITORY))

    assert isinstance(answer, Failed)
    assert answer.kind == "refused"


def test_numbers_and_texts_past_all_bounds_are_left_out(hub: Hub, child: DownloadChild) -> None:
    facts = {"total": 10**40, "architecture": ["x"], "context_length": -1}
    files = [
        {"rfilename": "a.gguf", "size": 10**40},
        {"rfilename": "\ud800.gguf", "size": 1},
        {"rfilename": "b.gguf", "size": True},
    ]
    answer = {"id": REPOSITORY, "sha": COMMIT, "siblings": files, "gguf": facts}
    hub.body = json.dumps(answer).encode()

    described = child.ask(Describe(repository=REPOSITORY))

    assert isinstance(described, Described)
    assert (described.parameters, described.architecture, described.context) == (0, "", 0)
    assert "a.gguf" not in [file.path for file in described.files]


def test_who_is_offline_by_choice_is_told_so_and_nothing_is_called(hub: Hub) -> None:
    with download_child({**hub.environment, "HF_HUB_OFFLINE": "1"}) as child:
        answer = child.ask(SearchHub(query="x", limit=1))

    assert isinstance(answer, Failed)
    assert (answer.kind, "HF_HUB_OFFLINE" in answer.message) == ("unreachable", True)
    assert hub.asked == [] and child.calls == []


def test_no_hub_at_the_address_is_told_and_the_call_is_recorded(hub: Hub) -> None:
    nobody = {**hub.environment, "HF_ENDPOINT": "http://127.0.0.1:9"}
    with download_child(nobody) as child:
        answer = child.ask(SearchHub(query="x", limit=1))

    assert isinstance(answer, Failed)
    assert answer.kind == "unreachable"
    (call,) = {call.number: call for call in child.calls}.values()
    assert (call.host, call.purpose, call.status) == ("127.0.0.1", "search", 0)


class _Proxy(BaseHTTPRequestHandler):
    asked: list[str]

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it was asked for."""
    asked: list[str] = []
    handler = type("Proxy", (_Proxy,), {"asked": asked})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def test_the_proxy_of_the_environment_is_used(hub: Hub, proxy: tuple[str, list[str]]) -> None:
    address, asked = proxy
    through = {
        **hub.environment,
        "HF_ENDPOINT": "http://hub.invalid",
        "HTTP_PROXY": address,
        "NO_PROXY": "",
    }
    with download_child(through) as child:
        answer = child.ask(SearchHub(query="x", limit=1))

    assert answer == Found(repositories=())
    (url,) = asked
    assert url.startswith("http://hub.invalid/api/models?")


def test_hosts_that_need_no_proxy_are_called_without_it(
    hub: Hub, proxy: tuple[str, list[str]]
) -> None:
    address, asked = proxy
    hub.add(REPOSITORY, {})
    with download_child({**hub.environment, "HTTP_PROXY": address}) as child:
        answer = child.ask(SearchHub(query="some", limit=1))

    assert isinstance(answer, Found) and len(answer.repositories) == 1
    assert asked == []


def test_nothing_but_what_was_asked_for_is_called(hub: Hub, child: DownloadChild) -> None:
    hub.add(REPOSITORY, {"a.gguf": CONTENT})

    child.ask(SearchHub(query="some", limit=5))
    child.ask(Describe(repository=REPOSITORY))

    assert hub.paths() == [
        "GET /api/models",
        f"GET /api/models/{REPOSITORY}/revision/main",
    ]
