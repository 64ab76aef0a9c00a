"""Model: which file an engine is told to load, and what it knows of it once it is loaded."""

from typing import Literal

from app.core.models.plan import DeviceUse, LoadPlan
from app.wire.message import Message


class ModelSource(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Which file, run by which backend. `path` is the first shard of a split GGUF."""

    path: str
    name: str
    backend: Literal["llama", "toy"] = "llama"


class ModelFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the engine knows of a loaded model; published in /v1/models."""

    architecture: str
    description: str
    parameters: int
    size_bytes: int
    vocabulary: int
    vocabulary_type: int
    embedding_length: int
    context_trained: int
    layers: int
    plan: LoadPlan
    """As carried out: 0 and -1 are replaced by what was chosen."""
    can_trim: bool
    """False for recurrent and hybrid memories, which cannot forget part of a sequence."""
    capabilities: tuple[str, ...]
    """Of: completion, chat, tools, reasoning, infill, embedding."""
    chat_template: str = ""
    devices: tuple[DeviceUse, ...] = ()
    pooling: str = ""
    load_seconds: float = 0.0
