"""POST /v1/completions: the older API, with one or several prompts."""

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.ids import Domain, RequestId
from app.server.engine_child.leasing import Link
from app.server.node.router import StreamEvent
from app.server.web.answering import Answering, answering_of
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import caller_of
from app.server.web.openai.generate import completion_generate, completion_prompts
from app.server.web.openai.serving import (
    FINGERPRINT,
    answered,
    echoed_model,
    generate_all,
    leased,
    tokens_of_words,
)
from app.server.web.openai.text_answer import TextStream, TextWhole
from app.server.web.sse import Emit, EventStream
from app.wire.engine import Generate
from app.wire.openai.completions import CompletionRequest, TextCompletion


@post(
    ["/v1/completions", "/completions"],
    status_code=200,
    summary="Continue a text, whole or as server-sent events",
    tags=["OpenAI"],
    responses={200: ResponseSpec(TextCompletion, description="With `stream`, events of it.")},
)
async def completions(data: JsonBody[CompletionRequest], request: ApiRequest) -> ASGIApp:
    """OpenAI's text completions."""
    answering = answering_of(request, data)
    await answering.seek(data.model or "")
    work = _Completion(answering, data, caller_of(request.scope).domain)
    if data.stream:
        return EventStream(work.stream, heartbeat_seconds=answering.heartbeat_seconds)
    return await answered(request, work.whole())


class _Completion:
    """One request; each of its prompts is a request to the engine with an id of its own."""

    def __init__(self, answering: Answering, data: CompletionRequest, domain: Domain) -> None:
        self._answering = answering
        self._data = data
        self._domain = domain
        self._prompts = completion_prompts(data)
        self._head = TextCompletion(
            id=f"cmpl-{answering.new_id()}",
            created=int(answering.now()),
            model=echoed_model(answering, data),
            system_fingerprint=FINGERPRINT,
            choices=[],
        )
        places = range(len(self._prompts))
        self._ids = [RequestId(f"{self._head.id}-{place}") for place in places]

    async def stream(self, emit: Emit) -> None:
        """The chunks, as the engine's events come."""
        steady = self._answering.steady
        told = self._answering.remarks
        chunks = TextStream(self._data, self._head, self._ids, now=steady(), remarks=told)

        async def on_event(event: StreamEvent) -> None:
            if frame := chunks.feed(event, steady()):
                await emit(frame)

        async with leased(self._answering, self._data, RequestId(self._head.id)) as link:
            await generate_all(link, await self._generates(link), on_event)

    async def whole(self) -> TextCompletion:
        """The answer, when it is complete."""
        gathered = TextWhole(self._data, self._ids)

        async def on_event(event: StreamEvent) -> None:
            gathered.feed(event)

        async with leased(self._answering, self._data, RequestId(self._head.id)) as link:
            await generate_all(link, await self._generates(link), on_event)
        return gathered.answer(self._head, self._answering.remarks())

    async def _generates(self, link: Link) -> list[Generate]:
        words = await tokens_of_words(self._answering, link, self._data)
        return [
            completion_generate(
                self._data,
                prompt,
                request_id=request_id,
                domain=self._domain,
                words=words,
                vocabulary=link.facts.vocabulary,
            )
            for request_id, prompt in zip(self._ids, self._prompts, strict=True)
        ]
