"""Serving: what the handlers of the OpenAI API have in common.

A lease is taken inside the work that runs while the client is present, so that a client who leaves
while its model loads stops waiting for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app import __version__
from app.core.base.ids import RequestId
from app.server.engine_child.leasing import Link
from app.server.node.router import StreamEvent
from app.server.web.answering import Answering
from app.server.web.body import ApiRequest
from app.server.web.openai.generate import keep_alive_of
from app.server.web.openai.sampling import WordTokens, bias_words
from app.server.web.presence import Broken, Done, while_present
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
from app.wire.openai.request import ModelRequest, SamplingRequest

FINGERPRINT: Final = f"athanor-{__version__}"
"""`system_fingerprint`: a seed's answer may differ between versions."""

OnEvent = Callable[[StreamEvent], Awaitable[None]]

A = TypeVar("A", Embedded, Tokens, Text)


def leased(
    answering: Answering, request: ModelRequest, request_id: RequestId
) -> AbstractAsyncContextManager[Link]:
    """The engine of the request's model, loaded if it was not.

    Raises: RequestError for a wrong `keep_alive`; else as Router.lease.
    """
    return answering.lease(request.model or "", request_id, keep_alive_of(request))


def echoed_model(answering: Answering, request: ModelRequest) -> str:
    """The model's name as the client wrote it: many compare. The default's own name otherwise.

    Raises: ModelNotFound.
    """
    found = answering.router.find(request.model or "")
    return request.model or found


async def asked(
    answering: Answering,
    request: ModelRequest,
    question: Embed | Tokenize | Detokenize | ApplyTemplate,
    kind: type[A],
) -> A:
    """The engine's one answer to `question`, which is of this kind. Raises: as Router.lease."""
    async with leased(answering, request, question.request) as link:
        answer = await link.ask(question)
    assert isinstance(answer, kind), "the kind of an answer follows from the question's"
    return answer


async def tokens_of_words(answering: Answering, link: Link, request: SamplingRequest) -> WordTokens:
    """The tokens of the words that `logit_bias` names."""
    words = {}
    for word in bias_words(request):
        question_id = RequestId(answering.new_id())
        answer = await link.ask(Tokenize(request=question_id, text=word))
        assert isinstance(answer, Tokens), "Tokenize is answered by Tokens"
        words[word] = answer.tokens
    return words


async def generate_all(link: Link, generates: Sequence[Generate], on_event: OnEvent) -> None:
    """Run the generations side by side. Raises: what the first of them raises."""
    if len(generates) == 1:
        await _generate(link, generates[0], on_event)
        return
    async with asyncio.TaskGroup() as tasks:
        for generate in generates:
            tasks.create_task(_generate(link, generate, on_event), name="one of several prompts")


async def _generate(link: Link, generate: Generate, on_event: OnEvent) -> None:
    async for event in link.stream(generate):
        await on_event(event)


async def answered(request: ApiRequest, work: Coroutine[object, object, msgspec.Struct]) -> ASGIApp:
    """The JSON of what `work` returns; it is cancelled when the client leaves.

    Raises: what `work` raises.
    """
    outcome = await while_present(request.receive, work)
    if isinstance(outcome, Broken):
        raise outcome.error
    if isinstance(outcome, Done):
        return json_response(outcome.value)
    return ASGIResponse()  # Nobody reads it.


def json_response(answer: msgspec.Struct) -> ASGIApp:
    """200 with the Struct as JSON."""
    body = msgspec.json.encode(answer)
    return ASGIResponse(body=body, media_type="application/json", status_code=200)
