"""Remote pictures: catalogue, hub and downloads as the local API shows them. Pure."""

from collections.abc import Sequence

from app.core.downloads.download import Download
from app.core.models.speed import ASSUMPTIONS
from app.core.models.verdict import Verdict
from app.observe.outbound import Outbound
from app.server.models.catalogue import CatalogueEntry
from app.server.node.downloads.shop import Offer, Offered, Shown
from app.wire.download import Found
from app.wire.local import DownloadPicture
from app.wire.remote import (
    CatalogueModel,
    CataloguePicture,
    FitPicture,
    HostPicture,
    LeftOutFile,
    NetworkPicture,
    OutboundPicture,
    RemoteModel,
    SearchAnswer,
    SearchResult,
    VariantPicture,
)


def catalogue_picture(models: Sequence[tuple[CatalogueEntry, Offered]]) -> CataloguePicture:
    """The catalogue."""
    return CataloguePicture(
        models=tuple(_catalogue_model(entry, offered) for entry, offered in models),
        assumptions=ASSUMPTIONS,
    )


def _catalogue_model(entry: CatalogueEntry, offered: Offered) -> CatalogueModel:
    return CatalogueModel(
        id=entry.id,
        name=entry.name,
        kinds=entry.kinds,
        repository=entry.repository,
        parameters=entry.parameters,
        active_parameters=entry.active_parameters,
        context=entry.context,
        licence=entry.licence,
        good_for=entry.good_for,
        variants=tuple(_variant(offer) for offer in offered.offers),
        recommended=offered.offers[offered.recommended].tag,
        why=offered.why,
    )


def remote_model(shown: Shown) -> RemoteModel:
    """A repository."""
    described, offered = shown.described, shown.offered
    return RemoteModel(
        repository=described.repository,
        revision=described.commit,
        licence=described.licence,
        is_gated=described.is_gated,
        architecture=described.architecture,
        parameters=described.parameters,
        context=described.context,
        variants=tuple(_variant(offer) for offer in offered.offers),
        left_out=tuple(LeftOutFile(path=one.path, reason=one.reason) for one in shown.left_out),
        recommended=offered.offers[offered.recommended].tag,
        why=offered.why,
        assumptions=ASSUMPTIONS,
    )


def _variant(offer: Offer) -> VariantPicture:
    return VariantPicture(
        tag=offer.tag,
        quantization=offer.quant,
        size_bytes=offer.size,
        files=offer.files,
        fit=fit_picture(offer.verdict),
        installed=offer.installed,
    )


def fit_picture(verdict: Verdict) -> FitPicture:
    """A verdict."""
    return FitPicture(
        fits=verdict.fits,
        context=verdict.context,
        layers=verdict.layers,
        gpu_layers=verdict.gpu_layers,
        explanation=verdict.explanation,
        tokens_per_second=verdict.tokens_per_second,
        speed_basis=verdict.speed_basis,
        is_estimate=verdict.is_estimate,
    )


def search_answer(query: str, found: Found) -> SearchAnswer:
    """What a search found."""
    return SearchAnswer(
        query=query,
        results=tuple(
            SearchResult(
                repository=one.name,
                downloads=one.downloads,
                likes=one.likes,
                is_gated=one.is_gated,
                updated_at=one.updated_at,
                parameters=one.parameters,
                architecture=one.architecture,
                context=one.context,
            )
            for one in found.repositories
        ),
    )


def download_picture(download: Download) -> DownloadPicture:
    """A download."""
    return DownloadPicture(
        id=download.id,
        repository=download.repository,
        name=download.name,
        files=tuple(file.path for file in download.files),
        status=download.status,
        cause=download.cause,
        reason=download.reason,
        remedy=download.remedy,
        size_bytes=download.size,
        done_bytes=download.done_bytes,
        checked_bytes=download.checked_bytes,
        missing_bytes=download.missing_bytes,
        bytes_per_second=download.bytes_per_second,
        seconds_left=download.seconds_left,
        asked_at=download.asked_at,
        ended_at=download.ended_at,
        model=download.model,
    )


def network_picture(outbound: Outbound) -> NetworkPicture:
    """Every call to another machine."""
    return NetworkPicture(
        calls=tuple(
            OutboundPicture(
                at=call.at,
                host=call.host,
                purpose=call.purpose,
                method=call.method,
                status=call.status,
                received_bytes=call.received_bytes,
            )
            for call in outbound.calls()
        ),
        hosts=tuple(
            HostPicture(host=each.host, calls=each.calls, received_bytes=each.received_bytes)
            for each in outbound.totals()
        ),
    )
