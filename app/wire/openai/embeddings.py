"""Embeddings: `POST /v1/embeddings`."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from app.wire.openai.answer import Answer
from app.wire.openai.completions import Prompts
from app.wire.openai.request import INT32_MAX, ModelRequest

INPUTS_MAX: Final = 2048
"""OpenAI's limit."""


class EmbeddingRequest(ModelRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Texts or token lists to turn into vectors."""

    input: Prompts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=INT32_MAX)] | None = None
    user: str | None = None


class Embedding(Answer, frozen=True, kw_only=True):
    """The vector of one input: numbers, or base64 of little-endian float32."""

    index: int
    object: Literal["embedding"] = "embedding"
    embedding: list[float] | str


class EmbeddingUsage(Answer, frozen=True, kw_only=True):
    """Tokens of all inputs."""

    prompt_tokens: int
    total_tokens: int
    cost_micros: int | UnsetType = UNSET
    """Where a pool answered: millionths of a credit."""


class EmbeddingList(Answer, frozen=True, kw_only=True):
    """One vector for each input, in order."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
