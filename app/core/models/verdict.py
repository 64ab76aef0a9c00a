"""Verdict: whether a model fits this machine, with how much context, and how fast it will be.

The same plan that a load would make (fit.py), made before anything is fetched. A model "fits
wholly" where all of it lies on GPUs, or, on a machine without one, in RAM.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import ModelDoesNotFit
from app.core.models.card import Layer, ModelCard
from app.core.models.fit import plan_load
from app.core.models.plan import DeviceUse
from app.core.models.speed import MeasuredSpeed, expected_speed
from app.core.models.wishes import Wishes

Fits = Literal["wholly", "partly", "not", "unknown"]
SpeedBasis = Literal["", "expected", "measured"]


@final
class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner is told before a download."""

    fits: Fits
    context: int = 0
    """Tokens that one conversation gets."""
    layers: int = 0
    gpu_layers: int = 0
    explanation: str = ""
    """Why, in sentences; what would help where it does not fit."""
    tokens_per_second: float | None = None
    """Of one answer; None where it is not known."""
    speed_basis: SpeedBasis = ""
    is_estimate: bool = False
    """The facts are the catalogue's or another quantisation's, and not this file's header."""


UNKNOWN = Verdict(fits="unknown", explanation="Nothing is known of its size yet.")


def judge(
    card: ModelCard,
    devices: Sequence[DeviceUse],
    wishes: Wishes,
    bandwidths: Mapping[str, float],
    measured: MeasuredSpeed | None = None,
    *,
    is_estimate: bool = False,
) -> Verdict:
    """The verdict on a model for these devices, of which one is the CPU.

    `bandwidths`: bytes a second by the names of devices. Raises: RequestError for a wish that
    cannot be.
    """
    try:
        fit = plan_load(card, devices, wishes)
    except ModelDoesNotFit as error:
        words = f"{error.message} {error.remedy}".strip()
        return Verdict(fits="not", explanation=words, is_estimate=is_estimate)
    has_gpu = any(need.kind != "cpu" for need in fit.needs)
    is_whole = not has_gpu or fit.plan.gpu_layers >= fit.layers
    verdict = Verdict(
        fits="wholly" if is_whole else "partly",
        context=fit.plan.context,
        layers=fit.layers,
        gpu_layers=fit.plan.gpu_layers if has_gpu else 0,
        explanation=fit.explanation,
        is_estimate=is_estimate,
    )
    if measured is not None:
        return replace(
            verdict, tokens_per_second=measured.tokens_per_second, speed_basis="measured"
        )
    speed = expected_speed(card, fit.needs, bandwidths)
    if speed is None:
        return verdict
    return replace(verdict, tokens_per_second=speed, speed_basis="expected")


def scaled(card: ModelCard, size_bytes: int, quantisation: str) -> ModelCard:
    """The same network in another quantisation, whose file has `size_bytes`.

    All parts are taken to shrink alike, which is right within a few percent: recipes keep the
    ends of a network a little finer than its middle.
    """
    ratio = size_bytes / card.size_bytes if card.size_bytes else 1.0

    def of(count: int) -> int:
        return round(count * ratio)

    def layer(one: Layer) -> Layer:
        return replace(
            one, weight_bytes=of(one.weight_bytes), tensor_bytes_max=of(one.tensor_bytes_max)
        )

    return replace(
        card,
        path="",
        shards=(),
        quantisation=quantisation,
        size_bytes=size_bytes,
        weight_bytes=of(card.weight_bytes),
        layers=tuple(layer(one) for one in card.layers),
        input_bytes=of(card.input_bytes),
        output_bytes=of(card.output_bytes),
        expert_bytes=of(card.expert_bytes),
        tied_bytes=of(card.tied_bytes),
    )
