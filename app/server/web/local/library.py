"""/local/models and /local/folders: the models on this machine, and where they are looked for."""

import asyncio

from litestar import delete, get, post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.server.models.entry import Entry
from app.server.models.shown import (
    parted,
    shown_copies,
    shown_folder,
    shown_model,
    shown_progress,
)
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.local.picture import status_of
from app.server.web.openai.serving import answered, json_response
from app.server.web.services import Services, services_of
from app.wire.library import (
    CheckRequest,
    FolderList,
    FolderPicture,
    FolderRequest,
    LibraryModel,
    LibraryPicture,
    ModelDeleted,
)

_LOCAL = ["local"]


@get(
    "/local/models",
    guards=[administer],
    summary="Every model on this machine, and what cannot be loaded",
    tags=_LOCAL,
    responses={200: ResponseSpec(LibraryPicture)},
)
async def list_library(request: ApiRequest) -> ASGIApp:
    """As it was found last; it is looked at again, soon, if that is long ago."""
    services = services_of(request)
    services.router.models()
    return json_response(await library_picture(services))


@post(
    "/local/models/look",
    guards=[administer],
    status_code=200,
    summary="Look at every folder now",
    tags=_LOCAL,
    responses={200: ResponseSpec(LibraryPicture)},
)
async def look(request: ApiRequest) -> ASGIApp:
    """The library after that look."""
    services = services_of(request)
    await services.librarian.look()
    return json_response(await library_picture(services))


@get(
    "/local/models/{name:path}",
    guards=[administer],
    summary="One model, by any of its names",
    tags=_LOCAL,
    responses={200: ResponseSpec(LibraryModel)},
)
async def one_of_library(request: ApiRequest) -> ASGIApp:
    """The model, or the file that cannot be loaded."""
    services = services_of(request)
    return json_response(await library_model(services, _name(request)))


@post(
    "/local/models/check",
    guards=[administer],
    status_code=200,
    summary="Read a model's content and compare it with what its name claims",
    tags=_LOCAL,
    responses={200: ResponseSpec(LibraryModel)},
)
async def check(data: JsonBody[CheckRequest], request: ApiRequest) -> ASGIApp:
    """Answers at once; /local/events tells when more is known."""
    services = services_of(request)
    return json_response(_model(services, await services.librarian.check(data.model)))


@delete(
    "/local/models/{name:path}",
    guards=[administer],
    status_code=200,
    summary="Delete a model's files from Athanor's own folder",
    tags=_LOCAL,
    responses={200: ResponseSpec(ModelDeleted)},
)
async def delete_model(request: ApiRequest) -> ASGIApp:
    """A loaded one is unloaded first, after its answers. What is not ours is refused."""
    services = services_of(request)
    return await answered(request, _delete(services, _name(request)))


@get(
    "/local/folders",
    guards=[administer],
    summary="Where models are looked for",
    tags=_LOCAL,
    responses={200: ResponseSpec(FolderList)},
)
async def list_folders(request: ApiRequest) -> ASGIApp:
    """Ours first, then the owner's, then those of other programs."""
    return json_response(FolderList(folders=await _folders(services_of(request))))


@post(
    "/local/folders",
    guards=[administer],
    status_code=200,
    summary="Offer the models of a folder",
    tags=_LOCAL,
    responses={200: ResponseSpec(FolderList)},
)
async def add_folder(data: JsonBody[FolderRequest], request: ApiRequest) -> ASGIApp:
    """Writes the setting models.folders, which holds from now on."""
    services = services_of(request)
    await services.librarian.add_folder(data.path)
    return json_response(FolderList(folders=await _folders(services)))


@delete(
    "/local/folders",
    guards=[administer],
    status_code=200,
    summary="Offer the models of a folder no more; no file is touched",
    tags=_LOCAL,
    responses={200: ResponseSpec(FolderList)},
)
async def remove_folder(request: ApiRequest) -> ASGIApp:
    """The folder is named by the parameter `path`."""
    services = services_of(request)
    path = request.query_params.get("path", "")
    if not path:
        raise RequestError("is required", field="path")
    await services.librarian.remove_folder(path)
    return json_response(FolderList(folders=await _folders(services)))


async def library_picture(services: Services) -> LibraryPicture:
    """The whole library as it is known now."""
    librarian = services.librarian
    usable, broken = parted(_model(services, entry) for entry in librarian.entries())
    return LibraryPicture(
        is_serving=True,
        revision=librarian.revision,
        models=usable,
        broken=broken,
        folders=await _folders(services),
        hashing=shown_progress(librarian.progress),
        troubles=librarian.troubles(),
    )


async def library_model(services: Services, name: str) -> LibraryModel:
    """One model, by any of its names. Raises: ModelNotFound."""
    return _model(services, await services.librarian.find(name))


def _model(services: Services, entry: Entry) -> LibraryModel:
    state = services.hub.state.models.get(entry.name)
    return shown_model(
        entry,
        status="unloaded" if state is None else status_of(state),
        progress=services.librarian.progress,
        is_hashed=True,
    )


async def _folders(services: Services) -> tuple[FolderPicture, ...]:
    librarian = services.librarian
    removable = await asyncio.to_thread(librarian.removable)
    return tuple(
        shown_folder(seen, is_removable=str(seen.place.path) in removable)
        for seen in librarian.places()
    )


async def _delete(services: Services, name: str) -> ModelDeleted:
    removed = await services.librarian.remove(name)
    return ModelDeleted(
        name=removed.name,
        paths=tuple(str(path) for path in removed.paths),
        freed_bytes=removed.freed_bytes,
        was_loaded=removed.was_loaded,
        left=shown_copies(removed.left),
    )


def _name(request: ApiRequest) -> str:
    return str(request.path_params["name"]).removeprefix("/")
