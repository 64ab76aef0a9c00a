"""Embedding: the loop of models that turn texts into vectors.

There is no memory between inputs, so there is nothing to schedule: inputs of all waiting requests
are taken in order, as many as one call holds, and each request is answered when its last is done.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from app.core.base.ids import RequestId
from app.core.scheduling.scheduler import Occupancy
from app.engine.backend import Backend
from app.engine.gauges import Meter
from app.engine.inbox import Closing, Inbox, Left
from app.engine.prepare import PreparedEmbed, PreparedGenerate
from app.wire.engine import Embed, Embedded, FromEngine


@final
@dataclass(slots=True)
class _Work:
    prepared: PreparedEmbed
    vectors: list[bytes] = field(default_factory=list)


@final
class EmbeddingLoop:
    """Serves `Embed` until told to close."""

    def __init__(
        self,
        backend: Backend,
        *,
        inbox: Inbox,
        send: Callable[[Sequence[FromEngine]], None],
        clock: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._inbox = inbox
        self._send = send
        self._clock = clock
        self._plan = backend.facts.plan
        self._meter = Meter(self._plan.cells)
        self._works: dict[RequestId, _Work] = {}
        self._inputs: deque[tuple[RequestId, list[int]]] = deque()
        self._is_closing = False

    def run(self) -> None:
        """Serve until told to close and all requests are answered. Raises: DecodeFailed."""
        while not (self._is_closing and not self._works):
            self._take_in()
            events = self._turn()
            gauges = self._meter.report(self._clock(), self._occupancy, is_idle=not self._works)
            self._send(events if gauges is None else [*events, gauges])

    def _take_in(self) -> None:
        while (not self._is_closing and not self._works) or not self._inbox.empty():
            match self._inbox.get():
                case PreparedEmbed() as prepared:
                    identity = prepared.message.request
                    self._works[identity] = _Work(prepared)
                    self._inputs.extend((identity, tokens) for tokens in prepared.inputs)
                case Left(request):
                    self._works.pop(request, None)
                case Closing():
                    self._is_closing = True
                case PreparedGenerate():
                    raise AssertionError("refused before it got here")

    def _turn(self) -> list[FromEngine]:
        """Compute one batch; the requests that it completes are answered."""
        batch = self._next_batch()
        if not batch:
            return []
        started = self._clock()
        vectors = self._backend.embed([tokens for _, tokens in batch])
        self._meter.count(sum(len(t) for _, t in batch), self._clock() - started)
        events: list[FromEngine] = []
        for (identity, _), vector in zip(batch, vectors, strict=True):
            work = self._works[identity]
            work.vectors.append(encode_vector(vector, work.prepared.message))
            if len(work.vectors) == len(work.prepared.inputs):
                del self._works[identity]
                count = sum(len(tokens) for tokens in work.prepared.inputs)
                events.append(Embedded(request=identity, vectors=work.vectors, prompt_tokens=count))
        return events

    def _next_batch(self) -> list[tuple[RequestId, list[int]]]:
        """Inputs in order, within the tokens and the sequences of one call."""
        batch: list[tuple[RequestId, list[int]]] = []
        room = self._plan.step_tokens
        while self._inputs and len(batch) < self._plan.slots:
            identity, tokens = self._inputs[0]
            if identity in self._works:
                if batch and len(tokens) > room:
                    break
                batch.append((identity, tokens))
                room -= len(tokens)
            self._inputs.popleft()
        return batch

    def _occupancy(self) -> Occupancy:
        running = len(self._works)
        return Occupancy(running=running, waiting=0, parked=0, kept=0, cells_used=0)


def encode_vector(vector: NDArray[np.float32], message: Embed) -> bytes:
    """Little-endian float32, cut to `dimensions`, then of length one where that is asked for.

    Cutting before normalising keeps the length at one (Matryoshka embeddings)."""
    if message.dimensions is not None:
        vector = vector[: message.dimensions]
    if message.normalize:
        length = float(np.linalg.norm(vector))
        vector = vector / length if length > 0 else vector
    return vector.astype("<f4").tobytes()
