"""Shop: models that could be had, what this machine makes of them, and ordering one.

The catalogue is answered from what is known here and asks no other machine; everything else asks
the hub. One header of a repository is read; the other quantisations of it are judged by their size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import final

from app.core.base.errors import ModelFileInvalid, RemoteNotFound
from app.core.base.ids import ModelName
from app.core.downloads.choice import Candidate, choose
from app.core.downloads.download import Download
from app.core.downloads.wanted import Wanted, wanted_of
from app.core.models.card import ModelCard
from app.core.models.verdict import UNKNOWN, Verdict, scaled
from app.observe.outbound import Outbound
from app.server.models.catalogue import CatalogueEntry
from app.server.models.variants import LeftOut, Variant, find_variant, variants_of
from app.server.node.downloads.machine import Machine, Sight
from app.server.node.downloads.remote import Remote
from app.server.node.downloads.service import Downloads
from app.wire.download import Described, Found

Cards = Callable[[], Mapping[ModelName, ModelCard]]
"""What the library has, read so far."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One quantisation, and what this machine makes of it."""

    tag: str
    quant: str
    size: int
    files: tuple[str, ...]
    verdict: Verdict
    installed: str
    """Its name in the library, "" where it is not there."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A model's quantisations, smallest first, and the one that suits this machine."""

    offers: tuple[Offer, ...]
    recommended: int
    why: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A repository as it is at the hub."""

    described: Described
    variants: tuple[Variant, ...]
    left_out: tuple[LeftOut, ...]
    offered: Offered


@final
class Shop:
    """Used by one event loop."""

    def __init__(
        self,
        *,
        catalogue: Sequence[CatalogueEntry],
        remote: Remote,
        machine: Machine,
        downloads: Downloads,
        cards: Cards,
        outbound: Outbound,
    ) -> None:
        self._catalogue = tuple(catalogue)
        self._remote = remote
        self._machine = machine
        self._cards = cards
        self.downloads = downloads
        self.outbound = outbound
        """Every call that was made for any of it."""

    async def catalogue(self) -> list[tuple[CatalogueEntry, Offered]]:
        """Every model of the catalogue. Asks no other machine."""
        sight, here = await self._machine.look(), self._installed()
        return [(entry, _offered_of_entry(entry, sight, here)) for entry in self._catalogue]

    async def search(self, query: str) -> Found:
        """Repositories at the hub. Raises: as Remote.search."""
        return await self._remote.search(query)

    async def show(self, repository: str, revision: str = "main", tag: str = "") -> Shown:
        """A repository with verdicts on all its models.

        The header that is read is that of `tag`, or of the likeliest choice. Raises: as Remote;
        RemoteNotFound where it has no usable GGUF file, or none of that tag.
        """
        described = await self._remote.describe(repository, revision)
        variants, left_out = variants_of(repository, described.files)
        if not variants:
            reasons = "; ".join(f"{each.path}: {each.reason}" for each in left_out[:3])
            raise RemoteNotFound(
                f"{repository} has no GGUF file that can be fetched",
                remedy=reasons or "`athanor search` finds repositories that have.",
            )
        sight = await self._machine.look()
        wanted = find_variant(repository, variants, tag) if tag else None
        anchor = wanted or variants[_likeliest(variants, described.parameters)]
        try:
            card = await self._remote.card(described, anchor)
        except ModelFileInvalid:
            # llama.cpp of this version may not know it; what the hub shows is shown all the same.
            card = None
        here = self._installed()
        offers = [
            _offer(variant, self._verdict(variant, anchor, card, sight), here)
            for variant in variants
        ]
        return Shown(
            described=described,
            variants=variants,
            left_out=left_out,
            offered=_chosen(offers, described.parameters),
        )

    async def order(self, words: str, quantisation: str = "") -> tuple[Download, str, Verdict]:
        """A download of what `words` mean, why it is these files, and the verdict on them.

        Raises: RequestError; RemoteNotFound; as Remote.
        """
        wanted = self._meant(wanted_of(words, self._remote.hosts))
        tag = quantisation or wanted.tag
        shown = await self.show(wanted.repository, wanted.revision, tag)
        if tag:
            variant = find_variant(wanted.repository, shown.variants, tag)
            place, why = shown.variants.index(variant), f"{variant.tag} was asked for."
        else:
            place, why = shown.offered.recommended, shown.offered.why
            variant = shown.variants[place]
        download = await self.downloads.add(
            repository=wanted.repository,
            revision=shown.described.commit,
            name=f"{wanted.repository}:{variant.tag}",
            files=variant.files,
        )
        return download, why, shown.offered.offers[place].verdict

    def _meant(self, wanted: Wanted) -> Wanted:
        """With the repository of a catalogue's entry. Raises: RemoteNotFound."""
        if not wanted.entry:
            return wanted
        for entry in self._catalogue:
            if entry.id == wanted.entry:
                return Wanted(repository=entry.repository, tag=wanted.tag)
        near = [each.id for each in self._catalogue if wanted.entry in each.id][:3]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise RemoteNotFound(
            f"the catalogue has no {wanted.entry}.{hint}",
            remedy="`athanor models --remote` lists it; a repository is named like owner/name.",
        )

    def _verdict(
        self, variant: Variant, anchor: Variant, card: ModelCard | None, sight: Sight
    ) -> Verdict:
        known = self._remote.known_card(variant)
        if known is not None:
            return sight.verdict(known)
        if card is None:
            return UNKNOWN
        other = scaled(card, variant.size, variant.quant)
        return sight.verdict(other, is_estimate=variant is not anchor)

    def _installed(self) -> dict[tuple[str, int], tuple[str, ModelCard]]:
        """Models of the library by file name and size."""
        return {
            (PurePath(card.path).name, card.size_bytes): (name, card)
            for name, card in self._cards().items()
        }


_Here = Mapping[tuple[str, int], tuple[str, ModelCard]]


def _offered_of_entry(entry: CatalogueEntry, sight: Sight, here: _Here) -> Offered:
    offers = []
    for file in entry.files:
        installed, own = here.get((file.name, file.size_bytes), ("", None))
        outline = entry.outline(file)
        if own is not None:
            verdict = sight.verdict(own)
        elif outline is not None:
            verdict = sight.verdict(outline, is_estimate=True)
        else:
            verdict = UNKNOWN
        offers.append(
            Offer(
                tag=file.quant,
                quant=file.quant,
                size=file.size_bytes,
                files=(file.name,) if file.name else (),
                verdict=verdict,
                installed=installed,
            )
        )
    return _chosen(offers, entry.parameters)


def _offer(variant: Variant, verdict: Verdict, here: _Here) -> Offer:
    name = PurePath(variant.files[0].name).name
    return Offer(
        tag=variant.tag,
        quant=variant.quant,
        size=variant.size,
        files=tuple(file.path for file in variant.files),
        verdict=verdict,
        installed=here.get((name, variant.size), ("",))[0],
    )


def _chosen(offers: Sequence[Offer], parameters: int) -> Offered:
    place, why = choose(
        [
            Candidate(
                quant=offer.quant,
                size_bytes=offer.size,
                fits=offer.verdict.fits,
                context=offer.verdict.context,
            )
            for offer in offers
        ],
        parameters,
    )
    return Offered(offers=tuple(offers), recommended=place, why=why)


def _likeliest(variants: Sequence[Variant], parameters: int) -> int:
    """The variant to read the header of, while nothing is known of any."""
    candidates = [
        Candidate(quant=one.quant, size_bytes=one.size, fits="unknown") for one in variants
    ]
    return choose(candidates, parameters)[0]
