"""/local/catalogue, search, remote and network: what could be had, and who was asked about it."""

from litestar import get
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.downloads.safe_names import is_repository
from app.server.web.body import ApiRequest
from app.server.web.gate import administer
from app.server.web.local.remote_pictures import (
    catalogue_picture,
    network_picture,
    remote_model,
    search_answer,
)
from app.server.web.openai.serving import answered, json_response
from app.server.web.services import Services, services_of
from app.wire.remote import CataloguePicture, NetworkPicture, RemoteModel, SearchAnswer

_LOCAL = ["local"]
QUERY_LENGTH_MAX = 200


@get(
    "/local/catalogue",
    guards=[administer],
    summary="The hand-picked models, with what this machine makes of them; asks no other machine",
    tags=_LOCAL,
    responses={200: ResponseSpec(CataloguePicture)},
)
async def catalogue(request: ApiRequest) -> ASGIApp:
    """The first time it may take some seconds: the machine is measured."""
    return await answered(request, _catalogue(services_of(request)))


async def _catalogue(services: Services) -> CataloguePicture:
    return catalogue_picture(await services.shop.catalogue())


@get(
    "/local/search",
    guards=[administer],
    summary="Search repositories with GGUF files on the hub",
    tags=_LOCAL,
    responses={200: ResponseSpec(SearchAnswer)},
)
async def search(request: ApiRequest) -> ASGIApp:
    """`query` are the words."""
    query = (request.query_params.get("query") or "").strip()
    if not query:
        raise RequestError("query is missing", field="query", remedy="Say what to search for.")
    if len(query) > QUERY_LENGTH_MAX:
        raise RequestError(f"query is longer than {QUERY_LENGTH_MAX} characters", field="query")

    async def work() -> SearchAnswer:
        return search_answer(query, await services_of(request).shop.search(query))

    return await answered(request, work())


@get(
    "/local/remote/{owner:str}/{name:str}",
    guards=[administer],
    summary="A repository of the hub: its models, and what this machine makes of them",
    tags=_LOCAL,
    responses={200: ResponseSpec(RemoteModel)},
)
async def repository(request: ApiRequest) -> ASGIApp:
    """Reads one header by ranges: some megabytes."""
    parameters = request.path_params
    wanted = f"{parameters['owner']}/{parameters['name']}"
    if not is_repository(wanted):
        raise RequestError(f"{wanted!r} is no name of a repository", field="name")

    async def work() -> RemoteModel:
        return remote_model(await services_of(request).shop.show(wanted))

    return await answered(request, work())


@get(
    "/local/network",
    guards=[administer],
    summary="Every call to another machine since the server started, and why it was made",
    tags=_LOCAL,
    responses={200: ResponseSpec(NetworkPicture)},
)
async def network(request: ApiRequest) -> ASGIApp:
    """Hosts, purposes and counts; in memory only."""
    return json_response(network_picture(services_of(request).shop.outbound))
