"""OpenAI's own Python client chats with a real node; a toy model echoes, so answers are known."""

import asyncio
import json

import openai
import pytest
from pydantic import BaseModel

from tests.clients.speech import CALL, THOUGHT, say
from tests.support.node import RunningNode

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    for name in ("get_weather", "get_time")
]


def test_an_answer_comes_with_its_usage(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="toy", messages=say("Hällo, wörld 🌍"))

    assert answer.choices[0].message.content == "Hällo, wörld 🌍"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len("Hällo, wörld 🌍".encode())
    assert answer.usage.prompt_tokens > answer.usage.completion_tokens
    assert answer._request_id


def test_a_stream_is_the_same_answer_in_pieces_of_whole_characters(client: openai.OpenAI) -> None:
    text = "Grüße 🌍 from afar"

    stream = client.chat.completions.create(model="toy", messages=say(text), stream=True)
    chunks = list(stream)

    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == text
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_tells_its_usage_when_asked(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="toy", messages=say("hi"), stream=True, stream_options={"include_usage": True}
    )

    *_, trailer = stream
    assert trailer.choices == []
    assert trailer.usage is not None
    assert trailer.usage.completion_tokens == 2


def test_a_conversation_shares_the_prefix_that_was_computed(client: openai.OpenAI) -> None:
    system = [{"role": "system", "content": "You are brief. " * 20}]

    client.chat.completions.create(model="toy", messages=[*system, *say("one")])
    second = client.chat.completions.create(model="toy", messages=[*system, *say("two")])

    assert second.usage is not None and second.usage.prompt_tokens_details is not None
    assert (second.usage.prompt_tokens_details.cached_tokens or 0) > 200


def test_several_answers_to_one_question(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="toy", messages=say("abc"), n=3)

    assert [choice.message.content for choice in answer.choices] == ["abc"] * 3


def test_an_answer_ends_at_its_limit_and_at_its_stops(client: openai.OpenAI) -> None:
    short = client.chat.completions.create(
        model="toy", messages=say("abcdef"), max_completion_tokens=3
    )
    stopped = client.chat.completions.create(model="toy", messages=say("abcdef"), stop=["de"])

    assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("abc", "length")
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("abc", "stop")


def test_a_tool_call_is_parsed_and_can_be_answered(client: openai.OpenAI) -> None:
    asked = client.chat.completions.create(model="toy", messages=say(CALL), tools=TOOLS)

    (call,) = asked.choices[0].message.tool_calls or []
    followed = client.chat.completions.create(
        model="toy",
        messages=[
            *say(CALL),
            asked.choices[0].message,
            {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"},
        ],
        tools=TOOLS,
    )
    assert asked.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert followed.choices[0].message.content == "18 degrees"


def test_a_streamed_tool_call_is_put_together_by_the_client(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="toy", messages=say(CALL), tools=TOOLS) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()

    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_tool_call_can_be_forced(client: openai.OpenAI, choice: object) -> None:
    answer = client.chat.completions.create(
        model="toy",
        messages=say(CALL),
        tools=TOOLS,
        tool_choice=choice,
        max_completion_tokens=400,
        temperature=0,
    )

    (call, *_) = answer.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


class Event(BaseModel):
    name: str
    participants: list[str]


def test_structured_output_is_parsed_into_a_pydantic_model(client: openai.OpenAI) -> None:
    text = '{"name":"fair","participants":["Ada","Bob"]}'

    answer = client.chat.completions.parse(
        model="toy", messages=say(text), response_format=Event, temperature=0
    )

    assert answer.choices[0].message.parsed == Event(name="fair", participants=["Ada", "Bob"])


def test_output_is_held_to_its_schema_whatever_the_model_would_say(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}

    answer = client.chat.completions.create(
        model="toy",
        messages=say("certainly not JSON"),
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "verdict",
                "schema": {**schema, "additionalProperties": False},
                "strict": True,
            },
        },
        max_completion_tokens=300,
        temperature=0,
    )

    text = answer.choices[0].message.content or ""
    if answer.choices[0].finish_reason == "stop":
        assert set(json.loads(text)) == {"ok"}
    assert text.lstrip().startswith("{")


def test_reasoning_is_told_apart(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="toy", messages=say(THOUGHT))

    message = answer.choices[0].message
    assert message.content == "42"
    assert "let me see" in (message.model_extra or {})["reasoning_content"]


def test_logprobs_have_a_token_each_and_the_likeliest(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="toy", messages=say("abc"), logprobs=True, top_logprobs=3
    )

    assert answer.choices[0].logprobs is not None
    tokens = answer.choices[0].logprobs.content or []
    assert [token.token for token in tokens] == ["a", "b", "c"]
    assert all(len(token.top_logprobs) == 3 for token in tokens)
    assert all(token.top_logprobs[0].token == token.token for token in tokens)
    assert all(token.logprob <= 0 for token in tokens)


def test_llama_cpps_extras_go_through_the_client(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="toy",
        messages=say("abc"),
        stream=True,
        extra_body={"return_progress": True, "timings_per_token": True, "min_p": 0.1},
    )

    extras = [chunk.model_extra or {} for chunk in stream]
    assert any("prompt_progress" in extra for extra in extras)
    assert extras[-1]["timings"]["predicted_n"] == 3


def test_fifty_requests_at_once_are_all_answered(server: RunningNode) -> None:
    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="x") as client:
            answers = await asyncio.gather(
                *(
                    client.chat.completions.create(model="toy", messages=say(f"number {index}"))
                    for index in range(50)
                )
            )
        return [answer.choices[0].message.content for answer in answers]

    assert asyncio.run(ask()) == [f"number {index}" for index in range(50)]
