"""POST /v1/chat/completions, and /apply-template, which shows the prompt of the same request."""

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.core.base.ids import Domain, RequestId
from app.server.engine_child.leasing import Link
from app.server.node.router import StreamEvent
from app.server.web.answering import Answering, answering_of
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import caller_of
from app.server.web.openai.chat_stream import ChatStream
from app.server.web.openai.chat_whole import ChatWhole
from app.server.web.openai.generate import chat_generate, check_chat
from app.server.web.openai.serving import (
    FINGERPRINT,
    answered,
    asked,
    echoed_model,
    generate_all,
    leased,
    tokens_of_words,
)
from app.server.web.sse import Emit, EventStream
from app.wire.engine import ApplyTemplate, Generate, Text
from app.wire.openai.chat import ChatRequest, TemplateAnswer, TemplateRequest
from app.wire.openai.chat_answer import ChatChunk, ChatCompletion


@post(
    ["/v1/chat/completions", "/chat/completions"],
    status_code=200,
    summary="Answer a conversation, whole or as server-sent events",
    tags=["OpenAI"],
    responses={200: ResponseSpec(ChatCompletion, description="With `stream`, ChatChunk events.")},
)
async def chat_completions(data: JsonBody[ChatRequest], request: ApiRequest) -> ASGIApp:
    """OpenAI's chat."""
    answering = answering_of(request, data)
    await answering.seek(data.model or "")
    work = _Chat(answering, data, caller_of(request.scope).domain)
    if data.stream:
        return EventStream(work.stream, heartbeat_seconds=answering.heartbeat_seconds)
    return await answered(request, work.whole())


class _Chat:
    """One request. All that can be refused without the model is refused at the start."""

    def __init__(self, answering: Answering, data: ChatRequest, domain: Domain) -> None:
        self._answering = answering
        self._data = data
        self._domain = domain
        self._chat = check_chat(data)
        self._head = ChatChunk(
            id=f"chatcmpl-{answering.new_id()}",
            created=int(answering.now()),
            model=echoed_model(answering, data),
            system_fingerprint=FINGERPRINT,
            choices=[],
        )

    async def stream(self, emit: Emit) -> None:
        """The chunks, as the engine's events come."""
        steady = self._answering.steady
        chunks = ChatStream(self._data, self._head, now=steady(), remarks=self._answering.remarks)

        async def on_event(event: StreamEvent) -> None:
            if frame := chunks.feed(event, steady()):
                await emit(frame)

        async with leased(self._answering, self._data, RequestId(self._head.id)) as link:
            await generate_all(link, [await self._generate(link)], on_event)

    async def whole(self) -> ChatCompletion:
        """The answer, when it is complete."""
        gathered = ChatWhole(self._data)

        async def on_event(event: StreamEvent) -> None:
            gathered.feed(event)

        async with leased(self._answering, self._data, RequestId(self._head.id)) as link:
            await generate_all(link, [await self._generate(link)], on_event)
        return gathered.answer(self._head, self._answering.remarks())

    async def _generate(self, link: Link) -> Generate:
        return chat_generate(
            self._data,
            self._chat,
            request_id=RequestId(self._head.id),
            domain=self._domain,
            words=await tokens_of_words(self._answering, link, self._data),
            vocabulary=link.facts.vocabulary,
        )


@post(
    ["/apply-template"],
    status_code=200,
    summary="The prompt that a chat request would become",
    tags=["llama.cpp"],
    responses={200: ResponseSpec(TemplateAnswer)},
)
async def apply_template(data: JsonBody[TemplateRequest], request: ApiRequest) -> ASGIApp:
    """llama-server's look at the template."""
    answering = answering_of(request, data)
    chat = check_chat(data)

    async def work() -> TemplateAnswer:
        question_id = RequestId(answering.new_id())
        text = await asked(answering, data, ApplyTemplate(request=question_id, chat=chat), Text)
        return TemplateAnswer(prompt=text.text)

    return await answered(request, work())
