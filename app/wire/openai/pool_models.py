"""The list of models of a pool: OpenAI's fields, and what a caller of a pool wants to know."""

from typing import Literal

from app.wire.openai.answer import Answer


class PoolPrices(Answer, frozen=True, kw_only=True):
    """Micros for a million tokens; 1,000,000 micros are a credit."""

    input: int
    cached_input: int
    output: int


class PoolModel(Answer, frozen=True, kw_only=True):
    """One model that the pool offers, by its content."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "pool"
    context_length: int
    """The longest that a machine offers now; of a model that nobody lends, what it was trained on.
    """
    max_model_len: int
    type: Literal["llm", "embeddings"] = "llm"
    quantization: str = ""
    sha256: str
    capabilities: tuple[str, ...] = ()
    prices: PoolPrices
    workers: int
    """Machines that offer it."""
    lending: int
    """Of these, those that take work now."""
    wait_seconds: float | None
    """Until a new request would begin, as predicted; null while nobody lends it."""


class PoolModelList(Answer, frozen=True, kw_only=True):
    """Every model that the pool offers."""

    object: Literal["list"] = "list"
    data: list[PoolModel]
