"""LangChain's ChatOpenAI against a real node."""

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.clients.speech import CALL
from tests.support.node import RunningNode


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return city


class Event(BaseModel):
    name: str
    participants: list[str]


def model_of(server: RunningNode) -> ChatOpenAI:
    return ChatOpenAI(model="toy", base_url=server.base_url, api_key="x")  # type: ignore[arg-type]


def test_chat_stream_tools_structure_and_embeddings_work_through_langchain(
    server: RunningNode,
) -> None:
    model = model_of(server)

    whole = model.invoke("hello")
    pieces = list(model.stream("hello", stream_usage=True))
    called = model.bind_tools([get_weather]).invoke(CALL)
    structured = model.with_structured_output(Event).invoke('{"name":"a","participants":["b"]}')
    embeddings = OpenAIEmbeddings(
        model="embedder",
        base_url=server.base_url,
        api_key="x",  # type: ignore[arg-type]
        check_embedding_ctx_length=False,
    )
    vectors = embeddings.embed_documents(["one", "two"])

    assert whole.content == "hello"
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] == 5
    assert "".join(str(piece.content) for piece in pieces) == "hello"
    assert [(each["name"], each["args"]) for each in called.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert structured == Event(name="a", participants=["b"])
    assert len(vectors) == 2
