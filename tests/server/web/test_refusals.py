"""Law of every refusal: it has an id, a code for programs, and says when to come again if ever."""

import inspect

import httpx
import pytest

from app.core.base import errors
from app.core.base.errors import AthanorError, Busy, ContextExceeded, CreditsShort, ModelNotFound
from app.core.base.units import Micros
from app.server.web.errors import _HTTP, Failure, failure_of, http_failure
from tests.server.web.conftest import BODY_BYTES_MAX, Web
from tests.support.refusals import Refusal, check_refusal

HELLO = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
DEEP = b'{"json_schema":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001
CHAT = "/v1/chat/completions"

REFUSALS = [
    Refusal("no body", "POST", CHAT, b"", 400, "invalid_request"),
    Refusal("no JSON", "POST", CHAT, b"{", 400, "invalid_json"),
    Refusal("no UTF-8", "POST", CHAT, b'{"messages":[{"role":"\xff"}]}', 400, "invalid_json"),
    Refusal("too deep", "POST", CHAT, DEEP, 400, "invalid_json"),
    Refusal("no object", "POST", CHAT, b"5", 400, "invalid_type"),
    Refusal("a field is missing", "POST", CHAT, b"{}", 400, "missing_required_parameter"),
    Refusal("of another type", "POST", CHAT, b'{"messages": 5}', 400, "invalid_type"),
    Refusal(
        "a value", "POST", CHAT, b'{"temperature": -1, "messages": []}', 400, "invalid_value"
    ),
    Refusal("no messages", "POST", CHAT, b'{"messages": []}', 400, "invalid_value"),
    Refusal("no embedding", "POST", "/v1/embeddings", b'{"input": ""}', 400, "invalid_value"),
    Refusal("no path", "GET", "/v1/nothing", b"", 404, "not_found"),
    Refusal("no such model", "GET", "/v1/models/nobody", b"", 404, "model_not_found"),
    Refusal("no such method", "DELETE", "/v1/models", b"", 405, "method_not_allowed"),
    Refusal("no key", "GET", "/local/state", b"", 401, "invalid_api_key"),
    Refusal(
        "too large", "POST", CHAT, b" " * (BODY_BYTES_MAX + 1), 413, "request_too_large"
    ),
    Refusal(
        "no JSON by its type", "POST", CHAT, HELLO, 415, "unsupported_media_type",
        {"Content-Type": "text/plain"},
    ),
    Refusal("a strange page", "GET", "/v1/models", b"", 403, "forbidden", {"Origin": "https://x.y"}),
    *(
        Refusal(model, "POST", CHAT, HELLO.replace(b"echo", model.encode()), status, code)
        for model, status, code in (
            ("too-long", 400, "context_length_exceeded"),
            ("bad-template", 400, "template_error"),
            ("bad-grammar", 400, "invalid_grammar"),
            ("no-such-ability", 400, "unsupported"),
            ("nobody", 404, "model_not_found"),
            ("busy", 503, "busy"),
            ("crash-early", 503, "engine_failed"),
            ("too-large", 507, "model_does_not_fit"),
            ("bad-file", 422, "model_file_invalid"),
            ("bug", 500, "internal_error"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_of_the_node_can_be_named_and_understood(web: Web, refusal: Refusal) -> None:
    check_refusal(web.client, refusal)


def _made(kind: type[AthanorError]) -> AthanorError:
    """One of that kind."""
    if kind is ContextExceeded:
        return ContextExceeded(prompt_tokens=2, context=1)
    if kind is CreditsShort:
        return CreditsShort(needed=Micros(2), available=Micros(1))
    if kind is ModelNotFound:
        return ModelNotFound("x")
    if issubclass(kind, Busy):
        return kind("why", retry_after_seconds=7)
    return kind() if kind is errors.BodyLate else kind("why")


KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AthanorError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_one_that_may_be_repeated_says_when(
    kind: type[AthanorError],
) -> None:
    check_failure(failure_of(_made(kind)))


@pytest.mark.parametrize("status", sorted(_HTTP))
def test_what_the_guards_refuse_has_a_code(status: int) -> None:
    check_failure(http_failure(status))


def check_failure(failure: Failure) -> None:
    """It has a code, and the time of the next try where there may be one."""
    headers = dict(failure.headers)

    assert failure.answer.error.code
    if failure.status in (429, 503) and headers.get(b"x-should-retry") != b"false":
        assert int(headers[b"retry-after"]) > 0


def test_an_id_names_one_answer_alone(web: Web) -> None:
    answers: list[httpx.Response] = [web.client.get("/v1/nothing") for _ in range(3)]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
