"""The client against a real node with echoing models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.client.client import Client
from app.client.discovery import find_server
from app.client.errors import NoServer, ServerRefused, ServerSilent
from app.settings.paths import Paths
from app.wire.local import NodePicture
from app.wire.openai.chat import ChatRequest, UserMessage
from app.wire.openai.chat_answer import ChatChunk
from app.wire.openai.completions import CompletionRequest
from app.wire.openai.request import StreamOptions
from tests.support.node import RunningNode, put_toy, running_node


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node with a quick model, a slow one and one that dies."""
    home = tmp_path_factory.mktemp("client") / "home"
    toys = (
        put_toy(home),
        put_toy(home, "slow", step_seconds=0.02),
        put_toy(home, "mortal", abort_after_tokens=5, step_seconds=0.05),
    )
    with running_node(home, *(f"--model={toy}" for toy in toys)) as node:
        yield node


@pytest.fixture
def client(served: RunningNode) -> Iterator[Client]:
    with Client.find(Paths.under(served.home)) as found:
        yield found


def _ask(model: str, text: str) -> ChatRequest:
    return ChatRequest(
        model=model,
        messages=[UserMessage(content=text)],
        stream=True,
        stream_options=StreamOptions(include_usage=True),
    )


def _text(chunks: list[ChatChunk]) -> str:
    parts = (choice.delta.content for chunk in chunks for choice in chunk.choices)
    return "".join(part for part in parts if part)


def test_a_chat_comes_in_chunks_and_ends_with_its_usage(client: Client) -> None:
    chunks = list(client.chat(_ask("toy", "hello")))

    assert _text(chunks) == "hello"
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens > 0


def test_a_completion_takes_tokens(client: Client) -> None:
    request = CompletionRequest(model="toy", prompt=[65, 66], max_tokens=3, stream=True)

    chunks = list(client.complete(request))

    assert chunks[-1].choices[0].finish_reason is not None


def test_the_models_are_listed_with_what_bench_needs(client: Client) -> None:
    models = {model.id: model for model in client.models()}

    assert set(models) == {"toy", "slow", "mortal"}
    assert models["toy"].meta.n_vocab > 0


def test_a_refusal_is_told_with_its_word_and_status(client: Client) -> None:
    with pytest.raises(ServerRefused) as caught:
        list(client.chat(_ask("nobody", "x")))

    assert (caught.value.code, caught.value.status) == ("model_not_found", 404)


def test_a_prompt_that_is_too_long_is_refused_by_its_word(client: Client) -> None:
    with pytest.raises(ServerRefused) as caught:
        list(client.chat(_ask("toy", "x" * 100_000)))

    assert caught.value.code == "context_length_exceeded"


def test_a_wrong_token_is_refused(served: RunningNode) -> None:
    lock = replace(find_server(Paths.under(served.home)), token="wrong")

    with Client(lock) as stranger, pytest.raises(ServerRefused) as caught:
        stranger.state()

    assert caught.value.status in {401, 403}


def test_leaving_an_answer_frees_its_place(client: Client) -> None:
    chunks = client.chat(_ask("slow", "word " * 200))
    assert next(chunk for chunk in chunks if _text([chunk]))

    chunks.close()  # type: ignore[attr-defined]

    assert _idle(next(e.picture for e in client.events() if _idle(e.picture)))


def _idle(picture: NodePicture) -> bool:
    return all(e.running == 0 for e in picture.engines if e.model == "slow")


def test_events_begin_with_the_picture_and_are_numbered(client: Client) -> None:
    events = client.events()

    first = next(events)
    client.unload("toy")
    list(client.chat(_ask("toy", "x")))
    second = next(events)

    assert first.happened == "picture"
    assert second.number == first.number + 1


def test_an_answer_whose_engine_dies_is_refused_in_the_middle(client: Client) -> None:
    seen: list[ChatChunk] = []

    with pytest.raises(ServerRefused) as caught:
        seen.extend(client.chat(_ask("mortal", "a long enough answer")))

    assert _text(seen)
    assert caught.value.message


def test_an_answer_whose_server_dies_breaks_off_in_our_words(tmp_path: Path) -> None:
    home = tmp_path / "home"
    slow = put_toy(home, "slow", step_seconds=0.02)
    with (
        running_node(home, f"--model={slow}") as node,
        Client.find(Paths.under(home)) as client,
    ):
        chunks = client.chat(_ask("slow", "word " * 200))
        next(chunk for chunk in chunks if _text([chunk]))

        node.process.kill()

        with pytest.raises((ServerSilent, NoServer)) as caught:
            list(chunks)
        assert caught.value.remedy
