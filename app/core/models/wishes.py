"""Wishes: what the owner or a request asks of a load; the rest is chosen by what fits.

The names and special values are those of the settings' section `engine`.
"""

from typing import Literal, final

import msgspec


@final
class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """0, -1 and () mean: choose."""

    context: int = 0
    cells: int = 0
    sequences: int = 16
    gpu_layers: int = -1
    key_type: str = "f16"
    value_type: str = "f16"
    flash_attention: Literal["auto", "on", "off"] = "auto"
    threads: int = 0
    step_tokens: int = 0
    speculation: bool = True
    memory_margin_bytes: int = 1024**3
    """Left free on each device. RAM keeps an eighth of its total, up to 4 GiB, if that is more;
    0 keeps nothing anywhere."""
    memory_map: bool = True
    memory_lock: bool = False
    split_mode: Literal["none", "layer", "row"] = "layer"
    tensor_split: tuple[float, ...] = ()
