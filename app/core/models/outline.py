"""Outline: a card from the few figures that are published of a model, before its header is read.

Good enough to say whether a model fits: weights and cache, which are nearly all of it, follow from
published numbers; their spread over the layers is taken to be even.
"""

from typing import Final, final

import msgspec

from app.core.models.card import Layer, ModelCard

_FORWARD_WIDTHS: Final = 4
"""A feed-forward part is three to four times as wide as the network."""


@final
class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a network's configuration says of its form."""

    layers: int
    embedding: int
    heads: int
    heads_kv: int
    head: int
    """Numbers in a key of one head."""
    vocabulary: int
    is_tied: bool = False
    """The input's table serves as output too."""
    attending: int = 0
    """Layers that keep keys and values, where it is not all of them."""


_USUAL: Final = (
    (1_500_000_000, 24, 1536),
    (5_000_000_000, 34, 2560),
    (10_000_000_000, 36, 4096),
    (20_000_000_000, 42, 5120),
    (60_000_000_000, 56, 5120),
)
"""Up to so many parameters, so many layers and so wide a network."""

_USUAL_LARGEST: Final = (80, 8192)
_VOCABULARY: Final = 200_000


def usual_shape(parameters: int) -> Shape:
    """The shape that models of this size mostly have, each layer attending.

    Newer networks keep less for a token, so it errs to the safe side.
    """
    found = ((layers, width) for most, layers, width in _USUAL if parameters <= most)
    layers, width = next(found, _USUAL_LARGEST)
    return Shape(
        layers=layers,
        embedding=width,
        heads=width // 128,
        heads_kv=8,
        head=128,
        vocabulary=_VOCABULARY,
        is_tied=width < 4096,
    )


def outlined(
    shape: Shape,
    *,
    name: str,
    size_bytes: int,
    quantisation: str,
    parameters: int,
    active_parameters: int,
    context: int,
    is_embedding: bool,
) -> ModelCard:
    """The card of a model of this shape whose files have `size_bytes`.

    `active_parameters`: those that a token uses in a mixture of experts, 0 where it is all.
    """
    table = min(
        size_bytes // 3, size_bytes * shape.vocabulary * shape.embedding // max(1, parameters)
    )
    ends = table if shape.is_tied else 2 * table
    each = (size_bytes - ends) // shape.layers
    kept = shape.heads_kv * shape.head
    attending = shape.attending or shape.layers

    def layer(index: int) -> Layer:
        # Where only some attend, they are spread evenly.
        attends = (index + 1) * attending // shape.layers > index * attending // shape.layers
        width = kept if attends and not is_embedding else 0
        return Layer(each, each // 3, width, width)

    is_mixture = 0 < active_parameters < parameters
    return ModelCard(
        path="",
        name=name,
        architecture="",
        parameters=parameters,
        size_bytes=size_bytes,
        weight_bytes=size_bytes,
        quantisation=quantisation,
        context_trained=context,
        embedding_length=shape.embedding,
        feed_forward_length=_FORWARD_WIDTHS * shape.embedding,
        heads=shape.heads,
        heads_kv=(shape.heads_kv,) * shape.layers,
        # Such that what a token uses of all weights is what is published.
        experts=parameters if is_mixture else 0,
        experts_used=active_parameters if is_mixture else 0,
        expert_bytes=size_bytes if is_mixture else 0,
        vocabulary=shape.vocabulary,
        is_embedding=is_embedding,
        layers=tuple(layer(index) for index in range(shape.layers)),
        input_bytes=table,
        output_bytes=0 if shape.is_tied else table,
        tied_bytes=table if shape.is_tied else 0,
    )
