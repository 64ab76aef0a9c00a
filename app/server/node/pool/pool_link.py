"""PoolLink: a lease's hold on the pool: it answers as a link to an engine at home does.

What it cost and who served is in its remarks. Each stream of a lease is a job of its own.
"""

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from app.core.base.errors import Unsupported
from app.core.base.ids import OWNER_DOMAIN, JobId, ModelName
from app.core.base.units import Micros
from app.core.models.plan import LoadPlan
from app.core.pool.wishes import RouteWishes
from app.core.scheduling.sequence import Priority
from app.server.engine_child.engine_process import StreamEvent
from app.wire.engine import (
    ApplyTemplate,
    Completed,
    Detokenize,
    Embed,
    Embedded,
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
        self._cost: Micros | None = None
        self._job = ""
        self._served_by = ""

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
        return Remarks(
            job=self._job,
            served_by=self._served_by,
            model_sha256=self._quote.sha256,
            cost=self._cost,
        )

    async def stream(self, generate: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one generation, as an engine's.

        Closing the iterator cancels the job; what was computed until then is paid. Raises: an error
        of core/base/errors, CreditsShort and Unserved among them.
        """
        # Where the request came from within this node is nobody's business.
        body = replace(generate, domain=OWNER_DOMAIN, priority=Priority.OWNER)
        async with self._spending.asking(
            self._new_job(), self._quote, body, self._wishes
        ) as asking:
            while True:
                event = await asking.next()
                assert not isinstance(event, Embedded), "vectors are no part of a stream"
                self._remark(asking)
                yield replace(event, request=generate.request)
                if isinstance(event, Completed):
                    return

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """Vectors from the pool. Raises: Unsupported for what needs the model here; as `stream`."""
        if not isinstance(question, Embed):
            raise Unsupported(
                f"{self.model} is not on this machine, which so cannot tell its tokens",
                remedy="Ask for it without words in logit_bias; token ids are taken.",
            )
        async with self._spending.asking(
            self._new_job(), self._quote, question, self._wishes
        ) as asking:
            event = await asking.next()
            self._remark(asking)
            assert isinstance(event, Embedded), "Embed is answered by Embedded"
            return replace(event, request=question.request)

    def _remark(self, asking: "Asking") -> None:
        self._job = asking.job
        self._served_by = asking.served_by or self._served_by
        if asking.cost is not None and not asking.is_remarked:
            asking.is_remarked = True
            self._cost = Micros((self._cost or 0) + asking.cost)
