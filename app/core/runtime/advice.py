"""Advice: the pack that is worth its download on this machine, for an owner who looks at back ends.

Vulkan is inside and computes on NVIDIA's GPUs, so nothing fails that would lead to the pack for
them. It is named where its facts fit: the system, the build, the driver and a GPU that is there.
Whoever chose by himself is not advised.
"""

from collections.abc import Sequence

from app.core.runtime.backends import words_of
from app.core.runtime.packs import Hardware, Pack, newest, serves, why_not
from app.core.runtime.record import AUTO
from app.core.state.view import size


def advice_of(
    *, wish: str, offered: Sequence[Pack] | None, installed: Sequence[Pack], hardware: Hardware
) -> str:
    """A sentence with the command to type; "" where there is nothing to advise.

    `offered` are the packs of the publisher's list, None where no list is here that is believed.
    """
    here = {pack.backend for pack in installed if pack.build == hardware.build}
    if wish != AUTO or not hardware.nvidia_driver or "cuda" in here:
        return ""
    if offered is None:
        return (
            f"There may be a pack that is faster on {_listed(hardware.nvidia_cards)}: "
            "`athanor runtime list --look` asks for the list."
        )
    for pack in newest(offered, hardware).values():
        cards = [
            card
            for card, capability in zip(
                hardware.nvidia_cards, hardware.compute_capabilities, strict=False
            )
            if serves(pack.needs, capability)
        ]
        if cards and pack.backend not in here and not why_not(pack, hardware):
            return (
                f"{words_of(pack.backend)} is usually faster than Vulkan on {_listed(cards)}: "
                f"`athanor runtime install {pack.name}` downloads {size(pack.download_bytes)}."
            )
    return ""


def _listed(cards: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(cards)) or "an NVIDIA GPU"
