"""OpenAI's own client: completions, embeddings, models, errors, cancelling and retrying."""

import json
import math

import httpx
import openai
import pytest

from tests.clients.speech import say
from tests.support.node import RunningNode

# --- completions -----------------------------------------------------------------------------


def test_a_text_is_continued(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="toy", prompt="ab", max_tokens=4)

    assert answer.choices[0].text == "cdef"
    assert answer.choices[0].finish_reason == "length"


def test_several_prompts_are_answered_in_order_with_echo(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="toy", prompt=["ab", "xy"], max_tokens=1, echo=True)

    assert [choice.text for choice in answer.choices] == ["abc", "xyz"]


def test_tokens_are_a_prompt_too_and_logprobs_come_in_lists(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="toy", prompt=[97, 98], max_tokens=2, logprobs=2)

    logprobs = answer.choices[0].logprobs
    assert answer.choices[0].text == "cd"
    assert logprobs is not None
    assert logprobs.tokens == ["c", "d"]
    assert logprobs.text_offset == [0, 1]


def test_a_completion_streams(client: openai.OpenAI) -> None:
    stream = client.completions.create(model="toy", prompt="ab", max_tokens=3, stream=True)

    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "cde"
    assert chunks[-1].choices[0].finish_reason == "length"


def test_a_gap_is_filled_between_prompt_and_suffix(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="toy", prompt="a", suffix="z", max_tokens=2)

    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 5


# --- embeddings ------------------------------------------------------------------------------


def test_vectors_are_normalised_and_come_the_same_in_both_encodings(client: openai.OpenAI) -> None:
    encoded = client.embeddings.create(model="embedder", input=["hello", "world"])
    plain = client.embeddings.create(
        model="embedder", input=["hello", "world"], encoding_format="float"
    )

    assert [row.embedding for row in encoded.data] == [row.embedding for row in plain.data]
    assert all(math.isclose(math.hypot(*row.embedding), 1, abs_tol=1e-5) for row in plain.data)
    assert encoded.usage.prompt_tokens >= 10


def test_a_batch_of_64_keeps_its_order(client: openai.OpenAI) -> None:
    texts = [f"text {index % 2}" for index in range(64)]

    rows = client.embeddings.create(model="embedder", input=texts).data

    assert len(rows) == 64
    assert rows[0].embedding == pytest.approx(rows[2].embedding)
    assert rows[0].embedding != pytest.approx(rows[1].embedding)


def test_tokens_can_be_embedded_and_vectors_shortened(client: openai.OpenAI) -> None:
    whole = client.embeddings.create(model="embedder", input=[104, 105]).data[0].embedding
    short = client.embeddings.create(model="embedder", input=[104, 105], dimensions=2)

    assert len(short.data[0].embedding) == 2 < len(whole)


def test_a_chat_model_does_not_embed_nor_an_embedder_chat(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as embedding:
        client.embeddings.create(model="toy", input="x")
    with pytest.raises(openai.BadRequestError) as chatting:
        client.chat.completions.create(model="embedder", messages=say("x"))

    assert embedding.value.code == chatting.value.code == "unsupported"


# --- models ----------------------------------------------------------------------------------


def test_models_are_listed_and_each_is_found_by_its_id(client: openai.OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    assert {"toy", "embedder", "slow"} <= set(ids)
    assert all(client.models.retrieve(name).id == name for name in ids)


def test_an_unknown_model_is_not_found_and_the_nearest_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="toy 2", messages=say("hi"))

    assert caught.value.code == "model_not_found"
    assert "'toy'" in caught.value.message


# --- errors ----------------------------------------------------------------------------------


def test_a_wrong_parameter_is_a_bad_request_that_names_it(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="toy", messages=say("hi"), temperature=-1)

    assert caught.value.param == "temperature"
    assert caught.value.type == "invalid_request_error"


def test_a_prompt_past_the_context_is_refused_with_the_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="toy", messages=say("x" * 50_000))

    body = caught.value.body
    assert caught.value.code == "context_length_exceeded"
    assert isinstance(body, dict)
    assert body["n_prompt_tokens"] > 50_000 > body["n_ctx"]


def test_a_schema_that_cannot_be_is_a_bad_request_that_says_where(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "nonsense"}}}

    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="toy",
            messages=say("hi"),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": schema},
            },
        )

    assert caught.value.code == "invalid_grammar"
    assert "nonsense" in caught.value.message


def test_an_engine_that_falls_in_mid_stream_is_an_error_and_no_end(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="falls", messages=say("abcdefghijklmnop"), stream=True
    )

    with pytest.raises(openai.APIError) as caught:
        for _ in stream:
            pass

    assert caught.value.code == "engine_failed"


def test_a_model_that_cannot_load_says_why_and_is_a_503(server: RunningNode) -> None:
    with (
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.chat.completions.create(model="broken", messages=say("hi"))

    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0


# --- leaving and coming again ----------------------------------------------------------------


def test_who_closes_a_stream_frees_the_engine(client: openai.OpenAI, server: RunningNode) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    stream = client.chat.completions.create(model="slow", messages=say("x" * 3000), stream=True)
    next(iter(stream))

    with httpx.stream("GET", f"{server.root_url}/local/events", headers=headers) as events:
        lines = events.iter_lines()
        assert _engines_until(lines, "slow", running=1)
        stream.close()
        assert _engines_until(lines, "slow", running=0)


def _engines_until(lines: object, model: str, *, running: int) -> bool:
    """Reads events until the model's engine runs as many; a heartbeat comes where none does."""
    for line in lines:  # type: ignore[attr-defined]
        if not line.startswith("data: "):
            continue
        for engine in json.loads(line.removeprefix("data: "))["picture"]["engines"]:
            if engine["model"] == model and engine["running"] == running:
                return True
    return False


def test_the_client_tries_again_by_itself_after_a_503(server: RunningNode) -> None:
    statuses: list[int] = []
    with (
        httpx.Client(
            event_hooks={"response": [lambda response: statuses.append(response.status_code)]}
        ) as transport,
        openai.OpenAI(
            base_url=server.base_url, api_key="x", max_retries=1, http_client=transport
        ) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.chat.completions.create(model="broken", messages=say("hi"))

    assert statuses == [503, 503]
