"""Laws of chat answers, whole and streamed, as they come over the socket."""

import msgspec
import pytest

from app.wire.openai.chat_answer import ChatChunk, ChatCompletion
from tests.server.web.conftest import Web
from tests.server.web.reading import chunks_of, events_of


def test_an_answer_has_openais_shape(web: Web) -> None:
    response = web.chat()

    answer = msgspec.json.decode(response.content, type=ChatCompletion)
    assert response.status_code == 200
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.content == "hello world"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (10, 13)
    assert answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer.usage.completion_tokens_details.reasoning_tokens == 2


def test_timings_are_llama_cpps(web: Web) -> None:
    timings = web.chat().json()["timings"]

    assert timings["cache_n"] + timings["prompt_n"] == 10
    assert (timings["prompt_ms"], timings["prompt_per_second"]) == (14.0, 500.0)
    assert (timings["predicted_n"], timings["predicted_per_second"]) == (3, 150.0)


def test_the_models_name_comes_back_as_it_was_written(web: Web) -> None:
    for name in ("ECHO", "echo", "Org/Name:q4"):
        assert web.chat(model=name).json()["model"] == name
        assert chunks_of(web.chat(model=name, stream=True))[0].model == name


def test_a_request_without_a_model_goes_to_the_default_one(web: Web) -> None:
    messages = [{"role": "user", "content": "hi"}]

    for body in ({"messages": messages}, {"messages": messages, "model": ""}):
        assert web.client.post("/v1/chat/completions", json=body).json()["model"] == "echo"


def test_the_paths_without_v1_answer_too(web: Web) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}

    assert web.client.post("/chat/completions", json=body).status_code == 200


def test_a_stream_is_role_then_deltas_then_a_finish_of_its_own_then_done(web: Web) -> None:
    response = web.chat(stream=True)

    events = events_of(response)
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    reasons = [event["choices"][0]["finish_reason"] for event in events[:-1]]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[1:-1] == [{"content": "hell"}, {"content": "o wo"}, {"content": "rld"}]
    assert deltas[-1] == {}
    assert reasons == [None] * (len(reasons) - 1) + ["stop"]
    assert events[-1] == "[DONE]"


def test_every_chunk_has_the_same_id_time_and_fingerprint(web: Web) -> None:
    chunks = chunks_of(web.chat(stream=True))

    assert len({(chunk.id, chunk.created, chunk.system_fingerprint) for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)


def test_every_line_of_a_stream_is_data_with_a_space_or_empty(web: Web) -> None:
    lines = web.chat(stream=True).text.split("\n")

    assert all(line.startswith("data: ") or line == "" for line in lines)


def test_no_usage_is_sent_unless_it_is_asked_for(web: Web) -> None:
    for options in (None, {}, {"include_usage": False}):
        events = events_of(web.chat(stream=True, stream_options=options))

        assert all("usage" not in event for event in events[:-1])


def test_usage_comes_after_the_finish_and_is_null_before(web: Web) -> None:
    events = events_of(web.chat(stream=True, stream_options={"include_usage": True}))

    *chunks, trailer, done = events
    assert done == "[DONE]"
    assert trailer["choices"] == []
    assert trailer["usage"]["total_tokens"] == 13
    assert all(chunk["usage"] is None for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_timings_ride_on_the_last_chunk(web: Web) -> None:
    plain = events_of(web.chat(stream=True))[:-1]
    with_usage = events_of(web.chat(stream=True, stream_options={"include_usage": True}))[:-1]

    assert [("timings" in event) for event in plain] == [False] * (len(plain) - 1) + [True]
    assert "timings" in with_usage[-1]


def test_timings_with_every_token_count_the_tokens(web: Web) -> None:
    events = events_of(web.chat(stream=True, timings_per_token=True))[:-1]

    deltas = [event for event in events if event["choices"][0]["delta"].get("content")]
    assert [event["timings"]["predicted_n"] for event in deltas] == [1, 2, 3]
    assert all(event["timings"]["cache_n"] == 3 for event in deltas)
    assert all("prompt_progress" not in event for event in events)


def test_progress_of_the_prompt_comes_between_role_and_answer(web: Web) -> None:
    events = events_of(web.chat(stream=True, return_progress=True))

    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[1]["prompt_progress"] == {
        "total": 10, "cache": 3, "processed": 10, "time_ms": 5.0,
    }  # fmt: skip
    assert events[1]["choices"][0]["delta"] == {}


def test_tool_calls_stream_with_index_then_pieces_of_arguments(web: Web) -> None:
    events = events_of(web.chat(model="tools", stream=True))[:-1]

    calls = [
        event["choices"][0]["delta"]["tool_calls"][0]
        for event in events
        if "tool_calls" in event["choices"][0]["delta"]
    ]
    assert [call["index"] for call in calls] == [0, 0, 0, 1, 1]
    assert calls[0] == {
        "index": 0,
        "id": "call_a",
        "type": "function",
        "function": {"name": "get_weather", "arguments": ""},
    }
    assert calls[1] == {"index": 0, "function": {"arguments": '{"city":'}}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_whole_tool_calls_have_their_arguments_joined_and_no_content(web: Web) -> None:
    choice = web.chat(model="tools").json()["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["function"] for call in choice["message"]["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        {"name": "get_time", "arguments": "{}"},
    ]


def test_who_asks_by_functions_is_answered_by_function_call(web: Web) -> None:
    functions = [{"name": "get_weather"}]

    whole = web.chat(model="tools", functions=functions).json()["choices"][0]
    events = events_of(web.chat(model="tools", functions=functions, stream=True))[:-1]

    assert whole["finish_reason"] == "function_call"
    assert whole["message"]["function_call"]["name"] == "get_weather"
    assert "tool_calls" not in whole["message"]
    assert events[1]["choices"][0]["delta"]["function_call"]["name"] == "get_weather"
    assert events[-1]["choices"][0]["finish_reason"] == "function_call"


def test_reasoning_is_apart_from_the_answer(web: Web) -> None:
    message = web.chat(model="thinker").json()["choices"][0]["message"]
    events = events_of(web.chat(model="thinker", stream=True))[1:-2]

    assert (message["reasoning_content"], message["content"]) == ("hm, yes", "42")
    assert [event["choices"][0]["delta"] for event in events] == [
        {"reasoning_content": "hm, "},
        {"reasoning_content": "yes"},
        {"content": "42"},
    ]


def test_logprobs_have_bytes_and_no_infinity(web: Web) -> None:
    content = web.chat(logprobs=True, top_logprobs=2).json()["choices"][0]["logprobs"]["content"]

    first = content[0]
    assert (first["token"], first["logprob"]) == ("hell", -0.25)
    assert first["bytes"] == list(b"hell")
    assert [top["logprob"] for top in first["top_logprobs"]] == [-0.25, -9999.0]
    assert first["top_logprobs"][1]["bytes"] == [0xC3]


def test_logprobs_stream_with_their_text(web: Web) -> None:
    chunks = chunks_of(web.chat(stream=True, logprobs=True))

    told = [chunk.choices[0] for chunk in chunks if chunk.choices[0].logprobs]
    assert [choice.delta.content for choice in told] == ["hell", "o wo", "rld"]
    assert all(choice.logprobs and choice.logprobs.content for choice in told)


def test_several_answers_have_their_index_and_one_role_each(web: Web) -> None:
    whole = web.chat(n=3).json()["choices"]
    chunks = chunks_of(web.chat(n=3, stream=True))

    assert [choice["index"] for choice in whole] == [0, 1, 2]
    for index in range(3):
        mine = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert [choice.delta.role for choice in mine].count("assistant") == 1
        assert [choice.finish_reason for choice in mine].count("stop") == 1


@pytest.mark.parametrize("model", ["echo", "tools", "thinker"])
def test_every_streamed_event_is_a_chunk_of_the_wire(web: Web, model: str) -> None:
    asked = {"stream_options": {"include_usage": True}, "return_progress": True}

    chunks = chunks_of(web.chat(model=model, stream=True, n=2, logprobs=True, **asked))

    assert all(isinstance(chunk, ChatChunk) for chunk in chunks)


def test_a_bias_on_a_word_is_a_bias_on_its_tokens(web: Web) -> None:
    web.chat(logit_bias={"ab": 2})

    (generate,) = web.node.generates
    assert generate.sampling.logit_bias == ((97, 2.0), (98, 2.0))


def test_keep_alive_reaches_the_lease(web: Web) -> None:
    web.chat(keep_alive="5m")
    web.chat()

    assert web.node.keep_alives == [300.0, None]


def test_the_template_shows_the_prompt_of_the_same_request(web: Web) -> None:
    messages = [{"role": "developer", "content": "brief"}, {"role": "user", "content": "hi"}]

    response = web.client.post("/apply-template", json={"messages": messages})

    assert response.json() == {"prompt": "system: brief\nuser: hi"}
