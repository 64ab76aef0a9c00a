"""Laws of the routes about models that are not here: what they ask for, and whom they let in."""

import msgspec
import pytest

from app.core.downloads.download import Download, DownloadId, File
from app.core.state.events import DownloadChanged, DownloadRemoved
from app.wire.local import NodePicture
from app.wire.remote import CataloguePicture, DownloadList, NetworkPicture
from tests.server.web.conftest import Web

ROUTES = [
    ("GET", "/local/catalogue"),
    ("GET", "/local/search?query=x"),
    ("GET", "/local/remote/a/b"),
    ("GET", "/local/downloads"),
    ("POST", "/local/downloads/x/pause"),
    ("POST", "/local/downloads/x/resume"),
    ("DELETE", "/local/downloads/x"),
    ("GET", "/local/network"),
]

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_but_the_owner_asks_or_changes_anything(web: Web, method: str, path: str) -> None:
    assert web.client.request(method, path).status_code == 401


def test_the_catalogue_network_and_downloads_answer_without_a_network(
    web: Web, owner: dict[str, str]
) -> None:
    for path, shape in (
        ("/local/catalogue", CataloguePicture),
        ("/local/network", NetworkPicture),
        ("/local/downloads", DownloadList),
    ):
        response = web.client.get(path, headers=owner, timeout=120)
        assert response.status_code == 200
        msgspec.json.decode(response.content, type=shape)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/local/search", 400),
        (f"/local/search?query={'x' * 201}", 400),
        ("/local/remote/a/b..c", 400),
        ("/local/search?query=x", 502),
    ],
)
def test_a_wrong_question_is_refused_and_being_offline_is_told(
    web: Web, owner: dict[str, str], path: str, status: int
) -> None:
    response = web.client.get(path, headers=owner, timeout=120)

    assert response.status_code == status


def test_an_unknown_download_is_not_found(web: Web, owner: dict[str, str]) -> None:
    for method, path in ROUTES[4:7]:
        assert web.client.request(method, path, headers=owner).status_code == 404


def test_a_download_is_in_the_picture_and_a_strangers_words_stay_text(
    web: Web, owner: dict[str, str]
) -> None:
    file = File(path=f"{SCRIPT}.gguf", name="a.gguf", size=10, sha256="a" * 64)
    download = Download(
        id=DownloadId("d1"),
        repository="a/b",
        revision="c",
        name=f"a/b:{SCRIPT}",
        files=(file,),
        asked_at=1.0,
    )
    web.publish(DownloadChanged(download=download))

    response = web.client.get("/local/state", headers=owner)

    (shown,) = msgspec.json.decode(response.content, type=NodePicture).downloads
    assert (shown.id, shown.status, shown.name) == ("d1", "queued", f"a/b:{SCRIPT}")
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["x-content-type-options"] == "nosniff"
    web.publish(DownloadRemoved(download=download.id))
