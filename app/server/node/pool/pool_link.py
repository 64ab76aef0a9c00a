"""PoolLink: a lease's hold on the pool: it answers as a link to an engine at home does.

What it cost and who served is in its remarks. Each answer is a job of its own: every choice of a
stream, every stream of a lease.
"""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from app.core.base.errors import Unsupported
from app.core.base.ids import OWNER_DOMAIN, JobId, ModelName
from app.core.base.units import Micros
from app.core.models.plan import LoadPlan
from app.core.pool.wishes import RouteWishes
from app.core.scheduling.sequence import Priority
from app.server.engine_child.choices import each_choice, merged
from app.server.engine_child.engine_process import StreamEvent
from app.wire.engine import (
    ApplyTemplate,
    Completed,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Ended,
    Generate,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelFacts
from app.wire.pool import Quote
from app.wire.pool_local import POOL_PREFIX
from app.wire.remarks import Remarks

if TYPE_CHECKING:
    from app.server.node.pool.asking import Asking
    from app.server.node.pool.spending import Spending

_VOCABULARY_UNKNOWN: Final = 2**31
"""Ids are checked by whoever has the model; here nothing is known of its vocabulary."""


@final
class PoolLink:
    """Valid inside the `async with` of its lease. `new_job` names each stream's job."""

    def __init__(
        self,
        spending: "Spending",
        quote: Quote,
        *,
        wishes: RouteWishes,
        new_job: Callable[[], JobId],
    ) -> None:
        self._spending = spending
        self._quote = quote
        self._wishes = wishes
        self._new_job = new_job
        self._askings: list[Asking] = []

    @property
    def model(self) -> ModelName:
        """Its name with the prefix."""
        return ModelName(POOL_PREFIX + self._quote.model)

    @property
    def facts(self) -> ModelFacts:
        """What is known of a model that is elsewhere."""
        context = self._quote.context
        return ModelFacts(
            architecture="",
            description="",
            parameters=0,
            size_bytes=0,
            vocabulary=_VOCABULARY_UNKNOWN,
            vocabulary_type=0,
            embedding_length=0,
            context_trained=context,
            layers=0,
            plan=LoadPlan(context=context, cells=context),
            can_trim=True,
            capabilities=(),
        )

    @property
    def remarks(self) -> Remarks:
        """As far as it is known now."""
        costs = [each.cost for each in self._askings if each.cost is not None]
        served_by = [each.served_by for each in self._askings if each.served_by]
        return Remarks(
            job=",".join(each.job for each in self._askings),
            served_by=served_by[-1] if served_by else "",
            model_sha256=self._quote.sha256,
            cost=Micros(sum(costs)) if costs and len(costs) == len(self._askings) else None,
        )

    async def stream(self, generate: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one generation, as an engine's.

        Closing the iterator cancels the job; what was computed until then is paid. Raises: an error
        of core/base/errors, CreditsShort and Unserved among them.
        """
        # Where the request came from within this node is nobody's business.
        body = replace(generate, domain=OWNER_DOMAIN, priority=Priority.OWNER)
        # Named before anything waits: with one key each choice has the same name again.
        answers = [
            self._answer(self._new_job(), each, choice, of=generate.choices)
            for choice, each in enumerate(each_choice(body, secrets.randbits(32)))
        ]
        async with aclosing(merged(answers)) as events:
            async for event in events:
                yield event

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """Vectors from the pool. Raises: Unsupported for what needs the model here; as `stream`."""
        if not isinstance(question, Embed):
            raise Unsupported(
                f"{self.model} is not on this machine, which so cannot tell its tokens",
                remedy="Ask for it without words in logit_bias; token ids are taken.",
            )
        async with self._asking(self._new_job(), question) as asking:
            event = await asking.next()
            assert isinstance(event, Embedded), "Embed is answered by Embedded"
            return replace(event, request=question.request)

    async def _answer(
        self, job: JobId, body: Generate, choice: int, *, of: int
    ) -> AsyncGenerator[StreamEvent, None]:
        """One job, as the events of that choice."""
        async with self._asking(job, body, choices=of) as asking:
            while True:
                event = await asking.next()
                assert not isinstance(event, Embedded), "vectors are no part of a stream"
                if isinstance(event, Delta | Ended):
                    event = replace(event, choice=choice)
                yield replace(event, request=body.request)
                if isinstance(event, Completed):
                    return

    @asynccontextmanager
    async def _asking(
        self, job: JobId, body: Generate | Embed, *, choices: int = 1
    ) -> AsyncGenerator["Asking", None]:
        """See Spending.asking."""
        async with self._spending.asking(
            job, self._quote, body, self._wishes, choices=choices
        ) as asking:
            self._askings.append(asking)
            yield asking
