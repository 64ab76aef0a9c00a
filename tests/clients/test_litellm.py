"""LiteLLM against a real node."""

import litellm
import pytest

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


@pytest.mark.parametrize(
    ("model", "text", "error"),
    [
        ("nobody", "hi", litellm.NotFoundError),
        ("toy", "x" * 50_000, litellm.ContextWindowExceededError),
        ("embedder", "hi", litellm.BadRequestError),
    ],
)
def test_litellm_knows_our_errors_by_their_status_and_words(
    server: RunningNode, model: str, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        litellm.completion(
            model=f"openai/{model}",
            messages=say(text),
            api_base=server.base_url,
            api_key="x",
            max_retries=0,
        )
