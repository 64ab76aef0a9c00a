"""Plan: every choice about a load, and the devices it is made for, as plain data.

They stand in core because core decides them; wire/engine carries them to the engine child.
"""

from typing import Literal, final

import msgspec

from app.core.runtime.record import Pair


@final
class LoadPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every choice about a load, made before the child starts (core/models/fit.py)."""

    context: int
    """Tokens that one sequence may hold, prompt and answer together."""
    cells: int
    """KV cells shared by all sequences; >= context."""
    sequences: int = 16
    """Sequences that may run at once."""
    slots: int = 48
    """llama.cpp sequence ids: running and kept prefixes together; > sequences."""
    step_tokens: int = 512
    """Most tokens in one decode call (n_batch)."""
    micro_batch: int = 512
    """Most tokens computed at a time inside a call (n_ubatch)."""
    gpu_layers: int = -1
    """Layers on GPUs; -1 is all."""
    split_mode: Literal["none", "layer", "row"] = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] = ()
    """Share of each GPU; () lets ggml share by free memory."""
    key_type: str = "f16"
    value_type: str = "f16"
    flash_attention: Literal["auto", "on", "off"] = "auto"
    threads: int = 0
    """For decode; 0 lets the engine choose from the cores that are free."""
    threads_batch: int = 0
    """For prefill; 0 likewise."""
    use_extra_buffers: bool = True
    """Weight repacking on the CPU; a build of it that crashes is a rung of the ladder."""
    memory_map: bool = True
    memory_lock: bool = False
    is_embedding: bool = False
    speculation: bool = True
    """Prompt-lookup speculation where it pays."""
    parked_bytes_max: int = 2 * 1024**3
    """RAM for the states of parked sequences; past it a parked one is recomputed."""


@final
class DeviceUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One compute device as ggml lists it. Bytes."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accel"]
    memory_free: int
    memory_total: int
    pair: Pair | None = None
    """What a trial of it is remembered by; None where its back end is linked in, or is no GPU."""
