"""Laws of a chat request's way to the engine: the form of the answer, limits and sampling."""

import pytest

from app.core.base.errors import RequestError
from app.core.base.ids import Domain, RequestId
from app.server.web.openai.generate import chat_generate, check_chat, keep_alive_of
from app.wire.engine import OutputGrammar, OutputJson, OutputRegex, OutputSchema, Sampling
from tests.server.web.asking import generate_of, refusal_of, request_of

# --- output ----------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, OutputJson()),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            OutputSchema(schema=SCHEMA),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
            OutputSchema(schema=SCHEMA),
        ),
        (
            {"response_format": {"type": "json_schema", "schema": SCHEMA}},
            OutputSchema(schema=SCHEMA),
        ),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, OutputJson()),
        (
            {"response_format": {"type": "grammar", "grammar": 'root ::= "a"'}},
            OutputGrammar(text='root ::= "a"'),
        ),
        ({"response_format": {"type": "regex", "pattern": "a+"}}, OutputRegex(pattern="a+")),
        ({"json_schema": SCHEMA}, OutputSchema(schema=SCHEMA)),
        ({"json_schema": {}}, OutputJson()),
        ({"grammar": 'root ::= "a"'}, OutputGrammar(text='root ::= "a"')),
        ({"grammar": ""}, None),
    ],
)
def test_the_form_of_the_answer_is_found_in_each_of_its_places(
    fields: dict[str, object], output: object
) -> None:
    assert generate_of(**fields).output == output


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"json_schema": SCHEMA, "grammar": "x"}, "grammar"),
        ({"response_format": {"type": "json_object"}, "json_schema": SCHEMA}, "json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "regex"}}, "response_format.pattern"),
        ({"response_format": {"type": "grammar"}}, "response_format.grammar"),
        ({"json_schema": {"const": 2**70}}, "json_schema"),
    ],
)
def test_a_form_that_cannot_be_is_refused_by_name(fields: dict[str, object], field: str) -> None:
    assert refusal_of(**fields).field == field


def test_a_schema_nested_beyond_reason_never_reaches_the_engine() -> None:
    schema: dict[str, object] = {}
    for _ in range(100):
        schema = {"items": schema}

    assert refusal_of(json_schema=schema).field == "json_schema"
    assert refusal_of(chat_template_kwargs=schema).field == "chat_template_kwargs"
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert refusal_of(tools=[tool]).field == "tools[0]"


# --- limits and sampling ---------------------------------------------------------------------


def test_who_says_nothing_gets_llama_cpps_defaults() -> None:
    generate = generate_of()

    assert generate.sampling == Sampling()
    assert (generate.max_tokens, generate.choices, generate.stop) == (None, 1, ())
    assert generate.cache_prompt and generate.top_logprobs is None


def test_every_sampling_parameter_reaches_the_engine_under_its_name() -> None:
    said = {
        "temperature": 0.5, "top_k": 3, "top_p": 0.5, "min_p": 0.25, "typical_p": 0.5,
        "top_n_sigma": 2.0, "xtc_probability": 0.5, "xtc_threshold": 0.25, "dynatemp_range": 0.5,
        "dynatemp_exponent": 2.0, "repeat_last_n": 7, "repeat_penalty": 1.5,
        "presence_penalty": 0.5, "frequency_penalty": -0.5, "dry_multiplier": 0.5,
        "dry_base": 2.0, "dry_allowed_length": 4, "dry_penalty_last_n": 9, "mirostat": 2,
        "mirostat_tau": 4.0, "mirostat_eta": 0.2, "min_keep": 2, "ignore_eos": True, "seed": 5,
    }  # fmt: skip

    sampling = generate_of(**said, dry_sequence_breakers=["x"], logit_bias={"1": 2}).sampling

    assert {name: getattr(sampling, name) for name in said} == said
    assert sampling.dry_sequence_breakers == ("x",)
    assert set(said) | {"dry_sequence_breakers", "logit_bias"} == set(Sampling.__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "n_predict": 7}, 7),
        ({"max_tokens": -1}, None),
        ({"n_predict": -1, "max_tokens": 5}, None),
        ({"max_tokens": 0}, 0),
    ],
)
def test_the_limit_of_tokens_has_three_names(fields: dict[str, object], limit: int | None) -> None:
    assert generate_of(**fields).max_tokens == limit


@pytest.mark.parametrize(
    ("seed", "drawn"),
    [
        (None, None),
        (-1, None),
        (2**32 - 1, None),
        (0, 0),
        (42, 42),
        (2**32 + 4, 5),
        (-2, 2**32 - 3),
    ],
)
def test_a_seed_is_folded_into_32_bits_and_minus_one_draws_one(
    seed: int | None, drawn: int | None
) -> None:
    assert generate_of(seed=seed).sampling.seed == drawn


@pytest.mark.parametrize(
    ("bias", "biases"),
    [
        ({"5": -100, "6": 2.5}, ((5, -100.0), (6, 2.5))),
        ([[5, -100], [6, False]], ((5, -100.0), (6, float("-inf")))),
        ({"yes": 1}, ((7, 1.0), (8, 1.0))),
        ([["yes", False], ["9", 1]], ((7, float("-inf")), (8, float("-inf")), (9, 1.0))),
        ({}, ()),
    ],
)
def test_a_bias_is_taken_in_each_of_its_shapes(
    bias: object, biases: tuple[tuple[int, float], ...]
) -> None:
    assert generate_of(logit_bias=bias).sampling.logit_bias == biases


@pytest.mark.parametrize("bias", [{"300": 1}, {"-1": 1}, {"5": True}, [[300, 1]]])
def test_a_bias_on_no_token_is_refused(bias: object) -> None:
    assert refusal_of(logit_bias=bias).field == "logit_bias"


@pytest.mark.parametrize(
    ("fields", "top"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 5}, 5),
    ],
)
def test_logprobs_are_asked_for_in_two_fields(fields: dict[str, object], top: int | None) -> None:
    assert generate_of(**fields).top_logprobs == top


def test_top_logprobs_alone_are_refused() -> None:
    assert refusal_of(top_logprobs=3).field == "top_logprobs"


def test_stops_come_as_text_or_list_and_empty_ones_stop_nothing() -> None:
    assert generate_of(stop="a").stop == ("a",)
    assert generate_of(stop=["a", "", "b"]).stop == ("a", "b")


def test_progress_is_asked_of_the_engine_only_where_a_stream_shows_it() -> None:
    assert generate_of(stream=True, return_progress=True).progress
    assert generate_of(stream=True, timings_per_token=True).progress
    assert not generate_of(return_progress=True).progress


def test_the_callers_trust_domain_goes_with_the_request() -> None:
    request = request_of()

    generate = chat_generate(
        request,
        check_chat(request),
        request_id=RequestId("r"),
        domain=Domain("key-1"),
        words={},
        vocabulary=9,
    )

    assert generate.domain == "key-1"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "m"}}, "moderation"),
    ],
)
def test_what_this_server_cannot_do_is_refused_by_name(
    fields: dict[str, object], field: str
) -> None:
    assert refusal_of(**fields).field == field


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"keep_alive": 300}, 300.0),
        ({"keep_alive": "5m"}, 300.0),
        ({"keep_alive": "1h30m"}, 5400.0),
        ({"keep_alive": "90s"}, 90.0),
        ({"keep_alive": "0"}, 0.0),
        ({"keep_alive": -1}, -1.0),
        ({"keep_alive": "-1"}, -1.0),
        ({"keep_alive": "-5m"}, -1.0),
        ({"keep_alive": -500}, -1.0),
        ({"ttl": 60}, 60.0),
        ({"keep_alive": 1e300}, 10 * 365 * 86400.0),
    ],
)
def test_keep_alive_is_said_in_seconds_or_durations(
    fields: dict[str, object], seconds: float | None
) -> None:
    assert keep_alive_of(request_of(**fields)) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "nan", "inf", "m5", "1e9", "-", "--1"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        keep_alive_of(request_of(keep_alive=text))

    assert caught.value.field == "keep_alive"
