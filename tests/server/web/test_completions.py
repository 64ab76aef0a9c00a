"""Laws of the older API: prompts in four shapes, echo, suffix, logprobs in lists."""

import httpx
import msgspec
import pytest

from app.wire.engine import PromptInfill, PromptText, PromptTokens
from app.wire.openai.completions import TextCompletion
from tests.server.web.conftest import Web
from tests.server.web.reading import events_of


def complete(web: Web, prompt: object, **more: object) -> httpx.Response:
    return web.client.post("/v1/completions", json={"model": "echo", "prompt": prompt, **more})


def test_a_completion_has_the_older_shape(web: Web) -> None:
    response = complete(web, "abcdef")

    answer = msgspec.json.decode(response.content, type=TextCompletion)
    assert answer.id.startswith("cmpl-")
    assert answer.object == "text_completion"
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("abcdef", "stop")
    assert answer.choices[0].logprobs is None


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("ab", ["ab"]),
        (["ab", "cd"], ["ab", "cd"]),
        ([97, 98], ["ab"]),
        ([[97], [98, 99]], ["a", "bc"]),
        ("", [""]),
    ],
)
def test_a_prompt_is_text_or_tokens_one_or_several(
    web: Web, prompt: object, texts: list[str]
) -> None:
    choices = complete(web, prompt).json()["choices"]

    assert [choice["text"] for choice in choices] == texts


@pytest.mark.parametrize(
    "prompt", [[], [[]], ["a", 1], ["a", [1]], [[1], []], 5, {"a": 1}, None, [-1], ["a"] * 129]
)
def test_a_prompt_of_no_shape_is_refused_by_name(web: Web, prompt: object) -> None:
    response = complete(web, prompt)

    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("prompt")


def test_a_token_that_the_model_has_not_is_refused(web: Web) -> None:
    response = complete(web, [5, 300])

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "prompt"


def test_choices_count_through_the_prompts(web: Web) -> None:
    choices = complete(web, ["ab", "cd"], n=2).json()["choices"]

    assert [(choice["index"], choice["text"]) for choice in choices] == [
        (0, "ab"), (1, "ab"), (2, "cd"), (3, "cd"),
    ]  # fmt: skip


def test_usage_and_timings_are_of_all_prompts_together(web: Web) -> None:
    answer = complete(web, ["ab", "cd"]).json()

    assert answer["usage"]["prompt_tokens"] == 20
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["timings"]["prompt_ms"] == 14.0


def test_each_prompt_asks_the_engine_under_an_id_of_its_own(web: Web) -> None:
    complete(web, ["a", "b"])

    assert len({generate.request for generate in web.node.generates}) == 2


def test_a_stream_of_several_prompts_ends_once_and_each_choice_once(web: Web) -> None:
    response = complete(web, ["abcdef", "xy"], stream=True, stream_options={"include_usage": True})

    *events, trailer, done = events_of(response)
    texts = {0: "", 1: ""}
    reasons = []
    for event in events:
        choice = event["choices"][0]
        texts[choice["index"]] += choice["text"]
        reasons += [choice["finish_reason"]] if choice["finish_reason"] else []
    assert texts == {0: "abcdef", 1: "xy"}
    assert reasons == ["stop", "stop"]
    assert trailer["usage"]["prompt_tokens"] == 20
    assert done == "[DONE]"


def test_every_chunk_of_text_is_of_the_wire(web: Web) -> None:
    events = events_of(complete(web, "abcdef", stream=True, logprobs=2, return_progress=True))

    for event in events[:-1]:
        msgspec.convert(event, TextCompletion)
    assert "timings" in events[-2]


def test_logprobs_are_lists_with_offsets_that_go_on_through_the_stream(web: Web) -> None:
    whole = complete(web, "abcdefgh", logprobs=1).json()["choices"][0]["logprobs"]
    events = events_of(complete(web, "abcdefgh", logprobs=1, stream=True))[:-1]

    streamed = [event["choices"][0]["logprobs"] for event in events]
    assert whole == {
        "tokens": ["abcd", "efgh"],
        "token_logprobs": [-0.25, -0.25],
        "top_logprobs": [{"abcd": -0.25}, {"efgh": -0.25}],
        "text_offset": [0, 4],
    }
    assert [each["text_offset"] for each in streamed if each] == [[0], [4]]


def test_logprobs_of_nobody_else_are_null(web: Web) -> None:
    assert complete(web, "ab", logprobs=0).json()["choices"][0]["logprobs"]["top_logprobs"] is None


def test_a_suffix_asks_to_fill_in_the_middle(web: Web) -> None:
    complete(web, "def f(", suffix="return x")

    (generate,) = web.node.generates
    assert generate.prompt == PromptInfill(prefix="def f(", suffix="return x")


def test_an_empty_suffix_is_none(web: Web) -> None:
    complete(web, "def f(", suffix="")
    complete(web, [1, 2], suffix="")

    text, tokens = web.node.generates
    assert text.prompt == PromptText(text="def f(")
    assert tokens.prompt == PromptTokens(tokens=[1, 2])


def test_prompt_and_echo_reach_the_engine(web: Web) -> None:
    complete(web, "ab", echo=True)
    complete(web, [1, 2])

    text, tokens = web.node.generates
    assert (text.prompt, text.echo) == (PromptText(text="ab"), True)
    assert (tokens.prompt, tokens.echo) == (PromptTokens(tokens=[1, 2]), False)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"best_of": 3}, "best_of"),
        ({"echo": True, "logprobs": 1}, "logprobs"),
        ({"logprobs": 21}, "logprobs"),
        ({"suffix": "x", "prompt": [1]}, "suffix"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(
    web: Web, fields: dict[str, object], param: str
) -> None:
    response = complete(web, **{"prompt": "a", **fields})  # type: ignore[arg-type]

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_best_of_as_many_as_are_wanted_is_no_wish(web: Web) -> None:
    assert complete(web, "ab", n=2, best_of=2).status_code == 200
