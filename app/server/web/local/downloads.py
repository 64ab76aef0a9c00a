"""/local/downloads: fetch models, follow them, pause them, take them off the list."""

from litestar import delete, get, post
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.downloads.download import Download
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.remote_pictures import download_picture, fit_picture
from app.server.web.openai.serving import answered, json_response
from app.server.web.services import Services, services_of
from app.wire.local import DownloadPicture
from app.wire.remote import DownloadAnswer, DownloadList, DownloadRequest

_LOCAL = ["local"]


@get(
    "/local/downloads",
    guards=[administer],
    summary="Every download, those that are over too",
    tags=_LOCAL,
    responses={200: ResponseSpec(DownloadList)},
)
async def list_downloads(request: ApiRequest) -> ASGIApp:
    """Oldest first."""
    all_ = services_of(request).shop.downloads.all()
    return json_response(DownloadList(downloads=tuple(download_picture(one) for one in all_)))


@post(
    "/local/downloads",
    guards=[administer],
    status_code=200,
    summary="Fetch a model, or go on with a download of it",
    tags=_LOCAL,
    responses={200: ResponseSpec(DownloadAnswer)},
)
async def download(data: JsonBody[DownloadRequest], request: ApiRequest) -> ASGIApp:
    """Answers when the files are known; /local/events tells how far they are."""
    return await answered(request, _order(services_of(request), data))


async def _order(services: Services, data: DownloadRequest) -> DownloadAnswer:
    known, why, verdict = await services.shop.order(data.model, data.quantization)
    return DownloadAnswer(download=download_picture(known), why=why, fit=fit_picture(verdict))


@post(
    "/local/downloads/{download_id:str}/pause",
    guards=[administer],
    status_code=200,
    summary="Pause a download; it keeps what it has",
    tags=_LOCAL,
    responses={200: ResponseSpec(DownloadPicture)},
)
async def pause(request: ApiRequest) -> ASGIApp:
    """What is over stays as it is."""
    paused = await services_of(request).shop.downloads.pause(_known(request))
    return json_response(download_picture(paused))


@post(
    "/local/downloads/{download_id:str}/resume",
    guards=[administer],
    status_code=200,
    summary="Go on with a download that is paused or failed",
    tags=_LOCAL,
    responses={200: ResponseSpec(DownloadPicture)},
)
async def resume(request: ApiRequest) -> ASGIApp:
    """It waits for its turn."""
    resumed = await services_of(request).shop.downloads.resume(_known(request))
    return json_response(download_picture(resumed))


@delete(
    "/local/downloads/{download_id:str}",
    guards=[administer],
    status_code=200,
    summary="Cancel a download and delete its bytes, or take one that is done off the list",
    tags=_LOCAL,
    responses={200: ResponseSpec(DownloadPicture)},
)
async def remove(request: ApiRequest) -> ASGIApp:
    """The download as it was. A model that has arrived stays."""
    known = _known(request)
    await services_of(request).shop.downloads.remove(known)
    return json_response(download_picture(known))


def _known(request: ApiRequest) -> Download:
    """The download of the path. Raises: NotFoundException."""
    found = services_of(request).shop.downloads.find(str(request.path_params["download_id"]))
    if found is None:
        raise NotFoundException
    return found
