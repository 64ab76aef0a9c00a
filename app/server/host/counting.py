"""Counting: what attempts cost by the models' own vocabularies, on the host's own machine.

The host believes no worker's numbers. For each model that it offers it has the model's head
(server/models/heads.py) and, while there is something to count, an engine process that has loaded
the vocabulary and nothing else. What strangers sent is read in that process: it is held to an
amount of memory and an amount of time, and when it is led to fail, one attempt is not counted.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError, EngineFailed, ModelNotFound
from app.core.base.ids import RequestId
from app.core.pool.jobs.effects import MeasureAttempt
from app.core.pool.jobs.job import Counted
from app.server.hardware.engine_program import EngineProgram
from app.server.host.vocabulary import CountingLimits, Vocabulary
from app.wire.engine import (
    ApplyTemplate,
    Detokenize,
    Embed,
    Generate,
    Measure,
    Measured,
    Text,
    Tokenize,
    Tokens,
)

log = logging.getLogger(__name__)

_NO_DEVICES: Final = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}
"""To load a vocabulary no driver has to be woken, nor memory of a GPU taken."""


@final
class Counter:
    """All vocabularies of a host. Used by one event loop; ends with `group`."""

    def __init__(
        self,
        *,
        find: Callable[[str], Path | None],
        group: asyncio.TaskGroup,
        program: EngineProgram | None = None,
        limits: CountingLimits | None = None,
    ) -> None:
        """`find` gives the head, or the whole file, of a model by its SHA-256."""
        program = program or EngineProgram.of_this()
        environment = {**program.environment, **_NO_DEVICES}
        self._program = replace(program, environment=environment)
        self._find = find
        self._group = group
        self._limits = limits or CountingLimits()
        self._lanes: dict[str, list[Vocabulary]] = {}
        self._is_closed = False

    @property
    def running(self) -> dict[str, list[int]]:
        """Model -> process ids of its children; only of models that have some."""
        found = {name: [one.pid for one in lanes if one.pid] for name, lanes in self._lanes.items()}
        return {name: pids for name, pids in found.items() if pids}

    async def measure(self, effect: MeasureAttempt) -> Counted | None:
        """What the attempt counts; None where it cannot be counted."""
        try:
            found = await self.measured(effect.sha256, effect.measure)
        except AthanorError as error:
            # Its message may quote the request.
            fields = {"job": effect.job, "attempt": effect.attempt, "why": error.kind}
            log.warning("an attempt could not be counted", extra=fields)
            return None
        return Counted(
            prompt_tokens=found.prompt_tokens,
            answer_tokens=found.answer_tokens,
            differs=found.differs,
        )

    async def prompt_tokens(self, sha256: str, work: Generate | Embed) -> int:
        """Tokens of the prompt, or of all inputs. Raises: as `measured`."""
        if isinstance(work, Generate):
            work = replace(work, answered=[])
        measure = Measure(request=RequestId(""), work=work)
        return (await self.measured(sha256, measure)).prompt_tokens

    async def ask(
        self, sha256: str, question: Tokenize | Detokenize | ApplyTemplate
    ) -> Tokens | Text:
        """What the model's vocabulary answers. Raises: as `measured`."""
        answer = await self._lane(sha256).ask(question)
        assert isinstance(answer, Tokens | Text), "the kind of an answer follows from the question"
        return answer

    async def measured(self, sha256: str, measure: Measure) -> Measured:
        """The attempt, measured by the vocabulary of the model with this content.

        Raises: ModelNotFound when the host has no such head; RequestError and its kin when the
        request cannot be served by the model; Busy; EngineFailed, when the vocabulary cannot be
        loaded, fell twice or gave no answer in time.
        """
        return await self._lane(sha256).measure(measure)

    def forget(self, sha256: str) -> None:
        """The model is not offered any more, or its head was replaced."""
        for vocabulary in self._lanes.pop(sha256, []):
            vocabulary.end()

    def close(self) -> None:
        """Start no more children; end those that rest, and others when they have answered."""
        self._is_closed = True
        for sha256 in list(self._lanes):
            self.forget(sha256)

    def _lane(self, sha256: str) -> Vocabulary:
        """The child of the model that has least to do, or a further one. Raises: ModelNotFound."""
        lanes = self._lanes.get(sha256, [])
        least = min(lanes, key=lambda lane: lane.asking, default=None)
        is_full = least is None or least.asking >= self._limits.lane_questions
        if least is not None and not (is_full and len(lanes) < self._limits.lanes_max):
            return least
        path = self._find(sha256)
        if path is None:
            raise ModelNotFound(sha256, reason="the host has no head of this model.")
        further = Vocabulary(
            sha256,
            path,
            program=self._program,
            group=self._group,
            limits=self._limits,
            make_room=self._make_room,
        )
        self._lanes[sha256] = [*lanes, further]
        return further

    def _make_room(self) -> None:
        """Before a child is started: end the one that rested longest, when there are too many.

        Raises: EngineFailed once closed.
        """
        if self._is_closed:
            raise EngineFailed("the host is stopping")
        running = [one for lanes in self._lanes.values() for one in lanes if one.is_running]
        resting = [one for one in running if not one.asking]
        if len(running) >= self._limits.engines_max and resting:
            min(resting, key=lambda one: one.used_at).end()
