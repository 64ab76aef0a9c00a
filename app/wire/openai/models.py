"""The list of models: the fields that clients read, one superset of all (reference of clients)."""

from typing import Literal

from msgspec import UNSET, UnsetType

from app.wire.openai.answer import Answer
from app.wire.openai.pool_models import PoolPrices


class ModelMeta(Answer, frozen=True, kw_only=True):
    """llama.cpp's facts; `n_ctx` only while the model is loaded."""

    n_ctx: int | UnsetType = UNSET
    n_ctx_train: int
    n_params: int
    n_embd: int
    n_vocab: int
    vocab_type: int | UnsetType = UNSET
    size: int


class ModelArchitecture(Answer, frozen=True, kw_only=True):
    """What goes in and out."""

    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)


class ModelState(Answer, frozen=True, kw_only=True):
    """Whether the model is in memory, by llama-server's words."""

    value: Literal["unloaded", "loading", "loaded", "unloading"]
    failed: bool | UnsetType = UNSET
    progress: float | UnsetType = UNSET
    """While loading, 0 to 1."""


class Model(Answer, frozen=True, kw_only=True):
    """One model of the library."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "local"
    context_length: int | UnsetType = UNSET
    """Tokens a request may use: of the loaded model, else what it was trained on."""
    max_model_len: int | UnsetType = UNSET
    max_context_length: int | UnsetType = UNSET
    meta: ModelMeta
    architecture: ModelArchitecture = ModelArchitecture()
    capabilities: tuple[str, ...] = ()
    status: ModelState
    type: Literal["llm", "embeddings"] = "llm"
    quantization: str = ""
    aliases: tuple[str, ...] = ()
    description: str | UnsetType = UNSET
    """Of the demonstration model: what it is, and how to get a real one."""
    is_demonstration: bool | UnsetType = UNSET
    """True for the model that comes with the program."""
    prices: PoolPrices | UnsetType = UNSET
    """Of a model that is in the node's pool and not at home: what an answer costs."""
    workers: int | UnsetType = UNSET
    """Of the same: machines that offer it."""
    wait_seconds: float | UnsetType | None = UNSET
    """Of the same: until an answer would begin; None where its machines keep their GPUs for now."""


class ModelList(Answer, frozen=True, kw_only=True):
    """Every model that a request may name."""

    object: Literal["list"] = "list"
    data: list[Model]
