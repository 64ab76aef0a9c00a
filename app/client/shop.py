"""Shop calls: what could be had, and what is on its way, as typed calls of the client."""

from urllib.parse import quote

from app.client.call import Call
from app.wire.local import DownloadPicture
from app.wire.remote import (
    CataloguePicture,
    DownloadAnswer,
    DownloadList,
    DownloadRequest,
    NetworkPicture,
    RemoteModel,
    SearchAnswer,
)


class ShopCalls:
    """Part of Client. What asks the hub may take as long as the hub does."""

    _call: Call

    def catalogue(self) -> CataloguePicture:
        """The hand-picked models, with what this machine makes of them."""
        return self._call("GET", "/local/catalogue", CataloguePicture, is_patient=True)

    def search(self, query: str) -> SearchAnswer:
        """Repositories at the hub."""
        path = f"/local/search?query={quote(query, safe='')}"
        return self._call("GET", path, SearchAnswer, is_patient=True)

    def remote(self, repository: str) -> RemoteModel:
        """The models of a repository, given as owner/name."""
        path = f"/local/remote/{quote(repository)}"
        return self._call("GET", path, RemoteModel, is_patient=True)

    def download(self, request: DownloadRequest) -> DownloadAnswer:
        """Begins a download, or goes on with it; `events` tells how far it is."""
        return self._call("POST", "/local/downloads", DownloadAnswer, request, is_patient=True)

    def downloads(self) -> tuple[DownloadPicture, ...]:
        """Every download, oldest first."""
        return self._call("GET", "/local/downloads", DownloadList).downloads

    def pause_download(self, download_id: str) -> DownloadPicture:
        """It keeps what it has."""
        return self._call(
            "POST", f"/local/downloads/{quote(download_id, safe='')}/pause", DownloadPicture
        )

    def resume_download(self, download_id: str) -> DownloadPicture:
        """It goes on when its turn comes."""
        return self._call(
            "POST", f"/local/downloads/{quote(download_id, safe='')}/resume", DownloadPicture
        )

    def remove_download(self, download_id: str) -> DownloadPicture:
        """Cancelled, or taken off the list; as it was before."""
        return self._call(
            "DELETE", f"/local/downloads/{quote(download_id, safe='')}", DownloadPicture
        )

    def network(self) -> NetworkPicture:
        """Every call that the server made to another machine."""
        return self._call("GET", "/local/network", NetworkPicture)
