"""EngineLink: a lease's hold on an engine, which survives the engine's fall where it can.

A child that falls before anything of an answer was shown is replaced, and the request is sent to
the new one, once: a second fall is likelier the request's doing than chance. What was already shown
cannot be taken back, so later the fall is the caller's to tell.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import final

from app.core.base.ids import ModelName, RequestId
from app.server.engine_child.engine_process import (
    EngineGone,
    EngineProcess,
    StreamEvent,
)
from app.server.node.engine import OnWait
from app.server.node.engines import Engines
from app.server.node.request_count import RequestCount
from app.wire.engine import (
    ApplyTemplate,
    Begun,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Generate,
    Measured,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelFacts
from app.wire.remarks import NO_REMARKS, Remarks


@final
class EngineLink:
    """Valid inside the `async with` of its lease."""

    def __init__(
        self, engines: Engines, model: ModelName, count: RequestCount, on_wait: OnWait | None
    ) -> None:
        self._engines = engines
        self._model = model
        self._count = count
        self._on_wait = on_wait
        self._process: EngineProcess | None = None
        self._facts: ModelFacts | None = None
        self._open: dict[RequestId, EngineProcess] = {}

    @property
    def model(self) -> ModelName:
        """The canonical name of the leased model."""
        return self._model

    @property
    def facts(self) -> ModelFacts:
        """What the engine said of the model when it was ready."""
        assert self._facts is not None, "a lease yields a ready engine"
        return self._facts

    @property
    def remarks(self) -> Remarks:
        """None: the answer is of this node."""
        return NO_REMARKS

    async def stream(self, generate: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one generation, in the order that `Generate` describes.

        Closing the iterator, or the lease, sends Cancel without waiting. Several streams may run
        in one lease; their request ids must differ.

        Raises: the error of core/base/errors that a `Refused` names (ContextExceeded,
        TemplateFailed, InvalidGrammar, Unsupported, Busy, RequestError); EngineFailed when the
        child fell, twice if nothing was shown yet; Busy when the iterator is read too slowly.
        """
        has_begun = has_said = False
        for is_last in (False, True):
            process = await self.connect()
            self._open[generate.request] = process
            try:
                async with aclosing(process.stream(generate)) as events:
                    async for event in events:
                        self._count.hear(event)
                        if isinstance(event, Begun) and has_begun:
                            continue
                        has_begun |= isinstance(event, Begun)
                        has_said |= isinstance(event, Delta)
                        yield event
                return
            except EngineGone:
                if is_last or has_said:
                    raise
            finally:
                self._open.pop(generate.request, None)

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """The one answer to a question: Embedded for Embed, Tokens for Tokenize, else Text.

        Sent once more if the child falls. Cancelling the caller sends Cancel. Raises: as `stream`.
        """
        try:
            answer = await (await self.connect()).ask(question)
        except EngineGone:
            answer = await (await self.connect()).ask(question)
        assert not isinstance(answer, Measured), "nobody here asks to measure"
        if isinstance(answer, Embedded):
            self._count.hear(answer)
        return answer

    async def connect(self) -> EngineProcess:
        """The child that serves now, waited for where there is none. Raises: as Router.lease."""
        self._process = await self._engines.ensure_ready(self._model, self._on_wait)
        self._facts = await self._process.ready()
        return self._process

    def close(self) -> None:
        """The lease is over: whatever is still open is cancelled, without waiting."""
        for request, process in self._open.items():
            process.cancel(request)
