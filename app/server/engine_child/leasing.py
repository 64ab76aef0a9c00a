"""Leasing: what whoever asks for an answer knows of what answers.

A node's router gives an engine, its membership in a pool a machine of somebody else, a pool's
gateway a job; all of them look like this.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from app.core.base.ids import ModelName, RequestId
from app.server.engine_child.engine_process import StreamEvent
from app.wire.engine import (
    ApplyTemplate,
    Detokenize,
    Embed,
    Embedded,
    Generate,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelFacts
from app.wire.remarks import Remarks


class Link(Protocol):
    """A lease's hold on what answers (server/node/link.EngineLink says more)."""

    @property
    def model(self) -> ModelName:
        """The canonical name."""

    @property
    def facts(self) -> ModelFacts:
        """What the engine said of the model."""

    @property
    def remarks(self) -> Remarks:
        """What is known now of where the answers came from and what they cost."""

    def stream(self, generate: Generate) -> AsyncIterator[StreamEvent]:
        """The events of one generation. Raises: an error of core/base/errors."""

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """The one answer to a question. Raises: an error of core/base/errors."""


class Lessor(Protocol):
    """From a model's name to what answers: all that OpenAI's routes ask of a router."""

    def find(self, name: str) -> ModelName:
        """The canonical name; "" is the default model. Raises: ModelNotFound."""

    def lease(
        self, name: str, *, request: RequestId | None = None, keep_alive: float | None = None
    ) -> AbstractAsyncContextManager[Link]:
        """What answers, made ready if it was not. Raises: an error of core/base/errors."""
