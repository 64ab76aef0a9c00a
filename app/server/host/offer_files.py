"""Offer files: prices.toml and the heads beside it, read into the list of what the pool offers.

A model of the list whose head is missing or damaged is left out, and why is said to the operator:
the host could not count it. Nothing else of the list is affected.
"""

from pathlib import Path
from typing import Final, Self, final

import msgspec

from app.core.base.errors import ModelFileInvalid
from app.core.base.ids import ModelName
from app.core.ledger.price_list import PricedModel, PriceList, parse_price_list
from app.core.models.abilities import expected_abilities
from app.core.models.card import ModelCard
from app.core.models.plan import LoadPlan
from app.server.host.offers import Offered, Offers
from app.server.models import toy
from app.server.models.gguf import read_header
from app.server.models.heads import Head, heads_in
from app.wire.model import ModelFacts

HEADS: Final = "heads"
"""Folder beside prices.toml where heads lie by the names of their contents."""


@final
class OfferFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What was read."""

    prices: PriceList
    offers: Offers
    files: dict[str, Path]
    """Content -> its head, or the whole file."""
    active_bytes: dict[str, int] = {}
    """Content -> bytes of the weights that one token needs, where that is known."""
    troubles: tuple[str, ...] = ()
    """What is on the list and not offered, and why; in sentences."""

    @classmethod
    def empty(cls) -> Self:
        """Before anything was read."""
        return cls(prices=PriceList(), offers=Offers(), files={})


def read_offer_files(prices_file: Path) -> OfferFiles:
    """What the operator's files say now; without a price list nothing is offered.

    Blocks. Raises: PricesInvalid; OSError.
    """
    try:
        text = prices_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    prices = parse_price_list(text, str(prices_file))
    heads, refused = heads_in(prices_file.parent / HEADS)
    troubles = [error.message for error in refused]
    files: dict[str, Path] = {}
    active_bytes: dict[str, int] = {}
    offered = []
    for model in prices.models:
        try:
            path, card = _found(model, heads, prices_file.parent)
        except ModelFileInvalid as error:
            troubles.append(f"{model.name} is not offered: {error.message}")
            continue
        model_prices = prices.prices_of(model.sha256)
        assert model_prices is not None, "a list without a price for a model is refused"
        files[model.sha256] = path
        active_bytes[model.sha256] = _active_bytes(model, card)
        offered.append(
            Offered(
                sha256=model.sha256,
                name=ModelName(model.name),
                prices=model_prices,
                quantisation=card.quantisation,
                is_embedding=card.is_embedding,
                facts=_facts(card),
            )
        )
    return OfferFiles(
        prices=prices,
        offers=Offers(offered, prices.shares),
        files=files,
        active_bytes=active_bytes,
        troubles=tuple(troubles),
    )


def _found(model: PricedModel, heads: dict[str, Head], folder: Path) -> tuple[Path, ModelCard]:
    """The file by which the host counts, and its card. Raises: ModelFileInvalid."""
    if not model.file:
        head = heads.get(model.sha256)
        if head is None:
            raise ModelFileInvalid(
                f"there is no head of it in {folder / HEADS}",
                remedy="Make one with `athanor pool models add`.",
            )
        return head.path, head.card
    path = (folder / model.file).expanduser()
    if not path.is_file():
        raise ModelFileInvalid(f"there is no file {path}")
    card = toy.read_toy(path) if path.suffix == toy.SUFFIX else read_header(path)
    return path, card


def _active_bytes(model: PricedModel, card: ModelCard) -> int:
    """Of a mixture of experts a share, as the operator says how many parameters are active."""
    if not model.active_parameters or not card.parameters:
        return card.weight_bytes
    return card.weight_bytes * min(model.active_parameters, card.parameters) // card.parameters


def _facts(card: ModelCard) -> ModelFacts:
    """What callers are told of the model before anybody has loaded it."""
    return ModelFacts(
        architecture=card.architecture,
        description="",
        parameters=card.parameters,
        size_bytes=card.size_bytes,
        vocabulary=card.vocabulary,
        vocabulary_type=0,
        embedding_length=card.embedding_length,
        context_trained=card.context_trained,
        layers=len(card.layers),
        plan=LoadPlan(context=card.context_trained, cells=card.context_trained),
        can_trim=True,
        capabilities=expected_abilities(card),
    )
