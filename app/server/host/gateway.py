"""Gateway: the pool as a router of OpenAI's API, one for each caller.

The routes lease a model and stream a generation as they do on a node; here the engine is a job.
Several choices are several jobs, since a job has one answer. The seed is always given by the host:
only so can another worker go on with what one has drawn.
"""

import base64
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from typing import final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import AthanorError, EngineFailed
from app.core.base.ids import JobId, ModelName, RequestId
from app.core.base.units import Micros
from app.core.pool.commitments import KEY_BYTES
from app.core.pool.jobs.effects import End
from app.server.engine_child.choices import each_choice, merged
from app.server.engine_child.engine_process import StreamEvent
from app.server.host.endings import error_of_end
from app.server.host.kept_answers import KeptAnswers, Part
from app.server.host.offers import Offers
from app.server.host.requests import Asked, Order, Requests
from app.server.host.tape import Tape
from app.server.storage.idempotency import Idempotency
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
    Progress,
    Text,
    Timings,
    Tokenize,
    Tokens,
    Usage,
)
from app.wire.model import ModelFacts
from app.wire.remarks import Remarks


@final
class Gateway:
    """The door of callers with keys. Used by one event loop."""

    def __init__(self, requests: Requests, idempotency: Idempotency) -> None:
        self._requests = requests
        self.answers = KeptAnswers(idempotency, requests.leave)

    @property
    def offers(self) -> Offers:
        """What may be asked for now."""
        return self._requests.offers

    def as_caller(self, asked: Asked) -> "CallerRouter":
        """The pool as this caller sees it. Raises: Forbidden without the scope for it."""
        asked.caller.needs("inference")
        return CallerRouter(self, self._requests, asked)


@final
class CallerRouter:
    """From a model's name to the pool that answers, for one request of one caller."""

    def __init__(self, gateway: Gateway, requests: Requests, asked: Asked) -> None:
        self._gateway, self._requests, self._asked = gateway, requests, asked

    def find(self, name: str) -> ModelName:
        """The canonical name. Raises: ModelNotFound."""
        return self._requests.offers.find(name)

    @asynccontextmanager
    async def lease(
        self, name: str, *, request: RequestId | None = None, keep_alive: float | None = None
    ) -> AsyncIterator["PoolLink"]:
        """A hold on the pool, which loads models as it sees fit. Raises: ModelNotFound."""
        offered = self._requests.offers.meant(name, self._asked.wishes)[0]
        yield PoolLink(self._gateway, self._requests, self._asked, name, offered.facts)


@final
class PoolLink:
    """One request's answers; several jobs where it has several prompts or choices."""

    def __init__(
        self,
        gateway: Gateway,
        requests: Requests,
        asked: Asked,
        name: str,
        facts: ModelFacts,
    ) -> None:
        self._gateway, self._requests, self._asked = gateway, requests, asked
        self._name = name
        self._facts = facts
        self._parts: list[Part] = []
        self._has_begun = False

    @property
    def model(self) -> ModelName:
        """The canonical name."""
        return self._requests.offers.find(self._name)

    @property
    def facts(self) -> ModelFacts:
        """Of the model, as the host's own engine says."""
        return self._facts

    @property
    def remarks(self) -> Remarks:
        """What is known of the jobs so far."""
        ends = [part.tape.end_of_job for part in self._parts]
        over = [end for end in ends if end is not None]
        costs = [end.cost for end in over if end.cost is not None]
        served = [(end.served_by, end.sha256) for end in over]
        served += [self._requests.serving(part.order) for part in self._parts]
        return Remarks(
            job=",".join(part.order.job for part in self._parts),
            served_by=next((name for name, _ in served if name), ""),
            model_sha256=next((sha256 for _, sha256 in served if sha256), ""),
            cost=Micros(sum(costs)) if costs and len(costs) == len(ends) else None,
            receipt_key=",".join(
                base64.b64encode(part.order.commitment_key).decode() for part in self._parts
            ),
            is_out_of_credits=any(end.ending == "credit_exhausted" for end in over),
        )

    async def stream(self, generate: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one generation. Raises: an error of core/base/errors."""
        bodies = each_choice(generate, secrets.randbits(32))
        answers = [self._answer(body, choice) for choice, body in enumerate(bodies)]
        try:
            async with aclosing(merged(answers)) as events:
                async for event in events:
                    yield event
        except AthanorError:
            for part in self._parts:
                self._gateway.answers.refused(part)
            raise

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """The one answer: of a worker for Embed, of the host's own vocabulary for the rest."""
        if not isinstance(question, Embed):
            return await self._requests.ask(self._name, question)
        part = await self._begin(question, "embed")
        found: Embedded | None = None
        async with aclosing(self._events(part)) as events:
            async for event in events:
                if isinstance(event, Embedded):
                    found = event
        end = self._over(part.tape)
        if found is None:
            raise EngineFailed("the pool's answer had no vectors")
        return replace(found, request=question.request, prompt_tokens=end.prompt_tokens)

    async def _answer(self, body: Generate, choice: int) -> AsyncGenerator[StreamEvent, None]:
        """One job, as the events of that choice."""
        part = await self._begin(body, f"{body.request}-{choice}")
        has_ended = False
        async with aclosing(self._events(part)) as events:
            async for event in events:
                match event:
                    case Begun() | Progress():
                        yield replace(event, request=body.request)
                    case Delta() | Ended():
                        has_ended |= isinstance(event, Ended)
                        yield replace(event, request=body.request, choice=choice)
                    case _:
                        raise EngineFailed("the pool answered with what was not asked")
        end = self._over(part.tape)
        if not has_ended:
            # The balance ended before the answer did.
            yield Ended(request=body.request, choice=choice, reason="length")
        yield Completed(request=body.request, usage=_usage(part, end), timings=_timings(part))

    async def _begin(self, body: Generate | Embed, name: str) -> Part:
        # An id is a kind, chance, and the place of a prompt: all but the chance comes again.
        kind, _, place = name.partition("-")
        name = f"{kind} {place.partition('-')[2]}"

        def begin(job: JobId, tape: Tape) -> Awaitable[Order]:
            is_first, self._has_begun = not self._has_begun, True
            return self._requests.begin(
                self._asked,
                self._name,
                body,
                listener=tape,
                job=job,
                commitment_key=secrets.token_bytes(KEY_BYTES),
                is_first=is_first,
            )

        part = await self._gateway.answers.part(self._asked, name, begin)
        self._parts.append(part)
        return part

    async def _events(self, part: Part) -> AsyncGenerator[msgspec.Struct, None]:
        try:
            async with aclosing(part.tape.events()) as events:
                async for event in events:
                    yield event
        finally:
            if part.tape.end_of_job is None:
                self._gateway.answers.left(part)

    @staticmethod
    def _over(tape: Tape) -> End:
        """How the job ended. Raises: the error where it ended badly."""
        end = tape.end_of_job
        if end is None:
            raise EngineFailed("the answer was read too slowly, and was given up")
        error = error_of_end(end)
        if error is not None:
            raise error
        return end


def _usage(part: Part, end: End) -> Usage:
    return Usage(
        prompt=end.prompt_tokens,
        cached=end.cached_tokens,
        completion=end.answer_tokens,
        reasoning=min(part.order.reasoning, end.answer_tokens),
    )


def _timings(part: Part) -> Timings:
    """As the caller felt them: to the first event, and from there to the end."""
    first, whole = part.order.first_seconds, part.order.seconds
    return Timings(queue_ms=0.0, prompt_ms=first * 1000, decode_ms=(whole - first) * 1000)
