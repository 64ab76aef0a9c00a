"""Router: from a model's name to an engine that answers.

    async with router.lease(name, request=request_id) as link:
        async for event in link.stream(generate):
            ...

A lease admits one request of a client, has the model loaded (just in time, once for all who wait)
and keeps it loaded until the lease is closed. `models` and `find` answer at once, whatever engines
do. Nothing here looks into a message: content passes through untouched and unlogged.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from app.core.base.ids import ModelName, RequestId
from app.core.state.engine_life import EngineLife
from app.core.state.node_state import ModelState
from app.wire.engine import (
    ApplyTemplate,
    Begun,
    Completed,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Ended,
    Generate,
    ModelFacts,
    Progress,
    Text,
    Tokenize,
    Tokens,
)

StreamEvent = Begun | Progress | Delta | Ended | Completed

OnWait = Callable[[EngineLife], None]
"""Called, on the event loop, each time the engine's life changes while a lease waits for it."""


class EngineLink:
    """A lease's hold on a ready engine. Valid inside its `async with`."""

    @property
    def model(self) -> ModelName:
        """The canonical name of the leased model."""
        raise NotImplementedError

    @property
    def facts(self) -> ModelFacts:
        """What the engine said of the model when it was ready."""
        raise NotImplementedError

    def stream(self, generate: Generate) -> AsyncIterator[StreamEvent]:
        """The events of one generation, in the order that `Generate` describes.

        A child that dies before any `Delta` was yielded is replaced, and the request is sent once
        more; the caller sees nothing of it. Closing the iterator, or the lease, sends Cancel
        without waiting. Several streams may run in one lease; request ids must differ.

        Raises: the error of core/base/errors that a `Refused` names (ContextExceeded,
        TemplateFailed, InvalidGrammar, Unsupported, Busy, RequestError); EngineFailed when the
        child died; Busy when the reader of the iterator is too slow.
        """
        raise NotImplementedError

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """The one answer to a question: Embedded for Embed, Tokens for Tokenize, Text otherwise.

        Sent once more if the child dies. Cancelling the caller sends Cancel.
        Raises: as `stream`.
        """
        raise NotImplementedError


class Router:
    """The node's models and the way to their engines. Used by one event loop."""

    def models(self) -> list[ModelState]:
        """Every model of the library, by name, with its engine's life. Immediate."""
        raise NotImplementedError

    def find(self, name: str) -> ModelName:
        """The canonical name for any spelling of it; "" and "default" mean the default model.

        Raises: ModelNotFound, with the nearest names.
        """
        raise NotImplementedError

    def lease(
        self,
        name: str,
        *,
        request: RequestId | None = None,
        keep_alive: float | None = None,
        on_wait: OnWait | None = None,
    ) -> AbstractAsyncContextManager[EngineLink]:
        """Admits a request and yields a link to the model's engine, loaded if it was not.

        `request` names the request in the node's state; without it a new id is made. `keep_alive`
        (seconds; below 0 for ever) replaces the model's own from now on.

        Raises: ModelNotFound; Busy when the node has `requests_max` in flight, is stopping, or
        waits out a failure of this engine; ModelDoesNotFit; ModelFileInvalid; EngineFailed.
        """
        raise NotImplementedError

    async def unload(self, name: str) -> bool:
        """Ends the model's engine after the answers under way; True when there was one.

        Raises: ModelNotFound.
        """
        raise NotImplementedError
