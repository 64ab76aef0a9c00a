"""Asking: a chat request's fields as what the engine hears, or as the refusal they get."""

import msgspec
import pytest

from app.core.base.errors import RequestError
from app.core.base.ids import OWNER_DOMAIN, RequestId
from app.server.web.body import decode_body
from app.server.web.openai.generate import chat_generate, check_chat
from app.wire.engine import Generate, PromptChat
from app.wire.openai.chat import ChatRequest

HELLO = [{"role": "user", "content": "hi"}]


def request_of(**fields: object) -> ChatRequest:
    body = msgspec.json.encode({"messages": HELLO, **fields})
    request = decode_body(ChatRequest, body)
    assert isinstance(request, ChatRequest)
    return request


def chat_of(**fields: object) -> PromptChat:
    return check_chat(request_of(**fields))


def generate_of(**fields: object) -> Generate:
    request = request_of(**fields)
    return chat_generate(
        request,
        check_chat(request),
        request_id=RequestId("r"),
        domain=OWNER_DOMAIN,
        words={"yes": [7, 8]},
        vocabulary=300,
    )


def refusal_of(**fields: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        generate_of(**fields)
    return caught.value
