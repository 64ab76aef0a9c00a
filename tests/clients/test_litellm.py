"""LiteLLM against a real node."""

import litellm

from tests.clients.speech import THOUGHT, say
from tests.support.node import RunningNode


def test_chat_stream_errors_and_embeddings_work_through_litellm(server: RunningNode) -> None:
    address = {"api_base": server.base_url, "api_key": "x"}
    messages = say(THOUGHT)

    whole = litellm.completion(model="openai/toy", messages=messages, **address)
    stream = litellm.completion(model="openai/toy", messages=messages, stream=True, **address)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    vectors = litellm.embedding(model="openai/embedder", input=["a", "b"], **address)

    assert whole.choices[0].message.content == text == "42"
    assert "let me see" in whole.choices[0].message.reasoning_content
    assert len(vectors.data) == 2


def test_litellm_knows_our_errors_by_their_status(server: RunningNode) -> None:
    address = {"api_base": server.base_url, "api_key": "x", "max_retries": 0}

    def error_of(model: str, text: str) -> Exception | None:
        try:
            litellm.completion(model=f"openai/{model}", messages=say(text), **address)
        except litellm.exceptions.OpenAIError as error:
            return error
        return None

    assert isinstance(error_of("nobody", "hi"), litellm.NotFoundError)
    assert isinstance(error_of("toy", "x" * 50_000), litellm.ContextWindowExceededError)
