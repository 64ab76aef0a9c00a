"""Laws of errors: one shape, the right status, nothing of our inside, nothing of the user's."""

import logging

import httpx
import msgspec
import pytest

from app.core.base import errors
from app.core.base.errors import AthanorError
from app.server.web.errors import _TABLE, failure_of
from app.wire.openai.errors import ErrorAnswer
from tests.server.web.conftest import BODY_BYTES_MAX, Web
from tests.server.web.reading import data_of


def detail_of(response: httpx.Response) -> dict[str, object]:
    """The error, after checking that it has the one shape."""
    assert response.headers["content-type"] == "application/json"
    msgspec.json.decode(response.content, type=ErrorAnswer)
    body = response.json()
    assert list(body) == ["error"]
    assert {"message", "type", "param", "code"} <= set(body["error"])
    return dict(body["error"])


@pytest.mark.parametrize(
    ("model", "status", "code", "kind"),
    [
        ("too-long", 400, "context_length_exceeded", "exceed_context_size_error"),
        ("bad-template", 400, "template_error", "invalid_request_error"),
        ("bad-grammar", 400, "invalid_grammar", "invalid_request_error"),
        ("no-such-ability", 400, "unsupported", "not_supported_error"),
        ("nobody", 404, "model_not_found", "not_found_error"),
        ("busy", 503, "busy", "unavailable_error"),
        ("crash-early", 503, "engine_failed", "unavailable_error"),
        ("too-large", 507, "model_does_not_fit", "server_error"),
        ("bad-file", 422, "model_file_invalid", "invalid_request_error"),
        ("bug", 500, "internal_error", "server_error"),
    ],
)
def test_an_error_before_the_first_token_has_its_status_also_in_a_stream(
    web: Web, model: str, status: int, code: str, kind: str
) -> None:
    for stream in (False, True):
        response = web.chat(model=model, stream=stream)

        detail = detail_of(response)
        assert (response.status_code, detail["code"], detail["type"]) == (status, code, kind)


def test_a_prompt_past_the_context_is_told_in_the_words_that_clients_look_for(web: Web) -> None:
    detail = detail_of(web.chat(model="too-long"))

    assert detail["message"] == (
        "request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it"
    )
    assert (detail["n_prompt_tokens"], detail["n_ctx"]) == (13392, 8192)


def test_an_unknown_model_is_answered_with_the_nearest(web: Web) -> None:
    detail = detail_of(web.chat(model="ecco"))

    assert detail["message"] == "model 'ecco' not found. Did you mean 'echo'?"
    assert detail["param"] == "model"


def test_who_goes_astray_is_told_which_paths_there_are(web: Web) -> None:
    for path in ("/v1", "/v1/responses", "/v1/v1/chat/completions", "/nothing"):
        response = web.client.get(path)

        assert response.status_code == 404
        for there in ("/v1/chat/completions,", "/v1/models", "/openapi"):
            assert there in str(detail_of(response)["message"])
    assert {"/v1/models", "/tokenize"} <= set(web.client.get("/openapi").json()["paths"])


def test_who_should_come_again_is_told_when(web: Web) -> None:
    assert web.chat(model="busy").headers["retry-after"] == "7"
    assert int(web.chat(model="crash-early").headers["retry-after"]) > 0


def test_a_failure_that_will_repeat_tells_openais_client_so(web: Web) -> None:
    assert web.chat(model="too-large").headers["x-should-retry"] == "false"


def test_what_can_be_done_stands_in_the_message(web: Web) -> None:
    detail = detail_of(web.chat(model="crash-early"))

    assert detail["message"] == "the engine ended by signal 9. It is started again."


@pytest.mark.parametrize("model", ["crash-late", "bug-late"])
def test_a_failure_in_a_running_stream_is_an_event_and_never_done(web: Web, model: str) -> None:
    response = web.chat(model=model, stream=True)

    *_, text, error = data_of(response)
    assert response.status_code == 200
    assert "hell" in text
    assert msgspec.json.decode(error, type=ErrorAnswer).error.type
    assert "[DONE]" not in response.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["bug", "bug-late"])
def test_a_bug_tells_neither_client_nor_log_what_was_said(
    web: Web, caplog: pytest.LogCaptureFixture, model: str, stream: bool
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = web.chat(model=model, text="canary", stream=stream)

    unforeseen = [record for record in caplog.records if record.msg == "unforeseen error"]
    assert "canary" not in response.text
    assert "canary" not in caplog.text
    assert len(unforeseen) == 1
    assert "scripted.py" in vars(unforeseen[0])["place"]


def test_every_answer_has_an_id_of_its_own_and_is_no_script(web: Web) -> None:
    answers = [web.chat(), web.chat(model="nobody"), web.client.get("/nothing")]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/v1/embeddings", 405),
        ("POST", "/v1/chat/completions", 400),
        ("GET", "/local/state", 401),
        ("POST", "/models/unload", 401),
        ("GET", "/v1/models/nobody", 404),
    ],
)
def test_routes_that_are_not_there_or_not_open_answer_in_the_same_shape(
    web: Web, method: str, path: str, status: int
) -> None:
    response = web.client.request(method, path)

    detail_of(response)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/models", {"GET", "OPTIONS"}), ("/local/keys", {"GET", "POST", "OPTIONS"})],
)
def test_who_takes_the_wrong_method_is_told_the_right_ones(
    web: Web, path: str, methods: set[str]
) -> None:
    allowed = web.client.put(path, json={}).headers["allow"]

    assert set(allowed.split(", ")) == methods


def test_a_body_past_the_limit_is_413_announced_or_not(web: Web) -> None:
    headers = {"Content-Type": "application/json"}
    large = b"x" * (BODY_BYTES_MAX + 1)
    pieces = (large[start : start + 10_000] for start in range(0, len(large), 10_000))

    for content in (large, pieces):
        response = web.client.post("/v1/completions", content=content, headers=headers)

        assert response.status_code == 413
        assert detail_of(response)["code"] == "request_too_large"


def test_a_form_that_a_strange_page_could_send_is_415(web: Web) -> None:
    response = web.client.post(
        "/v1/chat/completions", content=b'{"messages":[]}', headers={"Content-Type": "text/plain"}
    )

    assert response.status_code == 415
    detail_of(response)


def test_a_strange_host_and_a_strange_page_are_403(web: Web) -> None:
    for headers in ({"Host": "evil.com"}, {"Origin": "https://evil.com"}):
        response = web.client.get("/v1/models", headers=headers)

        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers
        detail_of(response)


def test_a_local_page_may_call_and_read_errors_too(web: Web) -> None:
    origin = {"Origin": "http://localhost:3000"}

    for response in (
        web.client.get("/v1/models", headers=origin),
        web.client.get("/nothing", headers=origin),
        web.client.options("/v1/chat/completions", headers=origin),
    ):
        assert response.headers["access-control-allow-origin"] == origin["Origin"]


def _kinds(error: type[AthanorError]) -> set[str]:
    """Of the tree itself; commands and clients have errors of their own, never sent by a server."""
    below = [e for e in error.__subclasses__() if e.__module__ == errors.__name__]
    return {error.kind}.union(*map(_kinds, below))


def test_every_kind_of_error_has_its_row() -> None:
    kinds = _kinds(errors.AthanorError) - {errors.AthanorError.kind}

    assert kinds == set(_TABLE)


def test_an_error_without_a_row_is_the_servers_fault() -> None:
    assert failure_of(AthanorError("x")).status == 500
