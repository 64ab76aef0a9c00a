"""Catalogue: models that could be had, whether they fit this machine, and fetching them.

The list itself asks no other machine. A search and a look at a repository ask the hub, when the
owner presses the button that says so, and not before.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from app.core.base.errors import AthanorError
from app.core.downloads.download import Download
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field
from app.server.web.dashboard.pages import MODELS, page_response
from app.server.web.gate import caller_of
from app.server.web.local.remote_pictures import catalogue_picture, remote_model, search_answer
from app.server.web.services import Services, services_of
from app.wire.remote import CatalogueModel, VariantPicture

PATH: Final = "/dashboard/catalogue"

CARDS: Final = ("downloads",)

KINDS: Final = ("chat", "coding", "reasoning", "vision", "embedding")

_COMFORTABLE: Final = 8.0
"""Tokens a second below which an answer is slower than its reader."""

_FITS: Final = {"wholly": 0, "partly": 1, "unknown": 2, "not": 3}


@get(PATH, include_in_schema=False)
async def catalogue(request: ApiRequest) -> ASGIApp:
    """The hand-picked models, what a search found, or one repository."""
    services, query = services_of(request), request.query_params
    words, repository = query.get("query", "").strip(), query.get("repository", "").strip()
    kind = query.get("kind", "")
    context: dict[str, object] = {
        **values(services),
        "kinds": KINDS,
        "kind": kind if kind in KINDS else "",
        "query": words,
        "search": None,
        "remote": None,
        "trouble": None,
        "picture": None,
        "title": "Get models",
    }
    may_ask = caller_of(request.scope).session is not None
    try:
        if (words or repository) and not may_ask:
            # A link on somebody's page must not make this machine call another one.
            context["trouble"] = {"message": "Sign in to search the hub.", "remedy": ""}
        elif repository:
            context["remote"] = remote_model(await services.shop.show(repository))
        elif words:
            context["search"] = search_answer(words, await services.shop.search(words))
        else:
            picture = catalogue_picture(await services.shop.catalogue())
            context["picture"] = picture
            best = recommended(picture.models)
            context["recommended_id"] = best[0].id if best else ""
            context["models"] = in_order(picture.models, str(context["kind"]))
    except AthanorError as error:
        context["trouble"] = error
    return page_response(request, MODELS, context, template="catalogue.html")


@post("/dashboard/downloads/add", guards=[change], include_in_schema=False, status_code=200)
async def add(request: ApiRequest) -> ASGIApp:
    """Fetch a model. Answers when it is known what will be fetched."""
    model, tag = await field(request, "model"), await field(request, "tag")
    download, why, _ = await services_of(request).shop.order(model, tag)
    return done(request, f"{download.name} is being fetched. {why}")


@post(
    "/dashboard/downloads/{download_id:str}/{what:str}",
    guards=[change],
    include_in_schema=False,
    status_code=200,
)
async def steer(request: ApiRequest) -> ASGIApp:
    """Pause a download, go on with it, or take it off the list."""
    downloads = services_of(request).shop.downloads
    known = downloads.find(str(request.path_params["download_id"]))
    if known is None:
        raise NotFoundException
    match request.path_params["what"]:
        case "pause":
            await downloads.pause(known)
        case "resume":
            await downloads.resume(known)
        case "remove":
            await downloads.remove(known)
        case _:
            raise NotFoundException
    return done(request)


def values(services: Services) -> Mapping[str, object]:
    """The downloads, newest first; those that are over stay until they are taken off."""
    newest: Sequence[Download] = tuple(reversed(services.shop.downloads.all()))
    return {"downloads": newest}


def in_order(
    models: Sequence[CatalogueModel], kind: str
) -> list[tuple[CatalogueModel, VariantPicture]]:
    """Those of a kind with their recommended quantisation, the most useful here first. Pure.

    That is what fits and keeps up with a reader, the largest first; then what is slow, the smallest
    first; then embeddings; then what fits in part or not at all, the smallest first.
    """
    wanted = [
        (model, next(each for each in model.variants if each.tag == model.recommended))
        for model in models
        if not kind or kind in model.kinds
    ]
    return sorted(wanted, key=lambda pair: _rank(*pair))


def _rank(model: CatalogueModel, variant: VariantPicture) -> tuple[int, int, int]:
    fits = _FITS[variant.fit.fits]
    if fits:
        return fits, 0, model.parameters
    if model.kinds == ("embedding",):
        return fits, 2, -model.parameters
    return (fits, 0, -model.parameters) if _is_quick(variant) else (fits, 1, model.parameters)


def recommended(
    models: Sequence[CatalogueModel],
) -> tuple[CatalogueModel, VariantPicture] | None:
    """The largest model for conversations that fits wholly and keeps up with a reader; where none
    does, the smallest. Pure.
    """
    fitting = [
        (model, variant)
        for model, variant in in_order(models, "chat")
        if variant.fit.fits == "wholly" and variant.size_bytes
    ]
    return fitting[0] if fitting else None


def quick_parameters(found: tuple[CatalogueModel, VariantPicture] | None) -> int | None:
    """Weights that this machine reads for a token at a reader's pace, by the model recommended;
    0 where even the smallest is slower, None where no speed is known. Pure.
    """
    if found is None or found[1].fit.tokens_per_second is None:
        return None
    model, variant = found
    return (model.active_parameters or model.parameters) if _is_quick(variant) else 0


def _is_quick(variant: VariantPicture) -> bool:
    speed = variant.fit.tokens_per_second
    return speed is None or speed >= _COMFORTABLE
