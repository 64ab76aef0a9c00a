"""Cards of models that people run, by their published shapes, and devices to run them on."""

from app.core.models.card import Layer, ModelCard
from app.core.models.plan import DeviceUse

GIB = 1024**3
MIB = 1024**2


def card(
    name: str = "Eight",
    *,
    layers: int = 32,
    layer_bytes: int = 140 * MIB,
    heads: int = 32,
    heads_kv: int = 8,
    head: int = 128,
    embedding: int = 4096,
    forward: int = 14_336,
    vocabulary: int = 128_256,
    context: int = 131_072,
    end_bytes: int = 300 * MIB,
    tied_bytes: int = 0,
    state: int = 0,
    attending: bool = True,
    is_embedding: bool = False,
    is_causal: bool = True,
    pooling: str = "",
) -> ModelCard:
    """A model of `layers` equal blocks; by default Llama 3 of 8 billion as Q4_K_M."""
    kept = heads_kv * head if attending else 0
    block = Layer(layer_bytes, layer_bytes // 3, kept, kept, state)
    weights = layers * layer_bytes + 2 * end_bytes - bool(tied_bytes) * end_bytes
    return ModelCard(
        path=f"/models/{name}.gguf",
        name=name,
        architecture="llama",
        parameters=round(weights * 8 / 4.9),
        size_bytes=weights,
        weight_bytes=weights,
        quantisation="Q4_K_M",
        context_trained=context,
        embedding_length=embedding,
        feed_forward_length=forward,
        heads=heads,
        heads_kv=(heads_kv,) * layers,
        vocabulary=vocabulary,
        state_width=2 * embedding if state else 0,
        is_embedding=is_embedding,
        is_causal=is_causal,
        pooling=pooling,
        layers=(block,) * layers,
        input_bytes=end_bytes,
        output_bytes=0 if tied_bytes else end_bytes,
        tied_bytes=tied_bytes,
    )


def cpu(free: int, total: int | None = None) -> DeviceUse:
    """The machine's RAM."""
    return DeviceUse(
        name="CPU",
        description="A processor",
        kind="cpu",
        memory_free=free,
        memory_total=free if total is None else total,
    )


def gpu(free: int, *, name: str = "CUDA0", total: int | None = None) -> DeviceUse:
    """A graphics card."""
    return DeviceUse(
        name=name,
        description="A graphics card",
        kind="gpu",
        memory_free=free,
        memory_total=max(1, free) if total is None else total,
    )


def igpu(free: int) -> DeviceUse:
    """A graphics unit inside the processor, whose memory is RAM."""
    return DeviceUse(
        name="Vulkan0",
        description="A graphics unit",
        kind="igpu",
        memory_free=free,
        memory_total=max(1, free),
    )
