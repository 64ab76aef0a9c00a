"""Errors: the one table that gives each failure its HTTP status and its words for a client.

Every answer that is no success has OpenAI's shape, {"error": {message, type, param, code}}. The
types are llama-server's, since local clients know those; the codes are our kinds. What is
not foreseen is a bug: it is logged by its place in the code, and the client learns nothing of it.
"""

import logging
import traceback
from typing import Final, NamedTuple

import msgspec
from litestar.exceptions import HTTPException
from msgspec import UNSET

from app.core.base.errors import (
    AthanorError,
    Busy,
    ContextExceeded,
    CreditsShort,
    EngineFailed,
    RequestError,
)
from app.wire.openai.errors import ErrorAnswer, ErrorDetail

_log = logging.getLogger(__name__)

ENGINE_RETRY_SECONDS: Final = 2
"""A crashed engine is restarted at once; a small model is back by then."""


class _Row(NamedTuple):
    status: int
    type: str
    code: str
    may_retry: bool = True
    """False tells OpenAI's clients not to repeat a 5xx that would end the same."""


_TABLE: Final[dict[str, _Row]] = {
    "invalid_request": _Row(400, "invalid_request_error", "invalid_request"),
    "context_length_exceeded": _Row(400, "exceed_context_size_error", "context_length_exceeded"),
    "template_error": _Row(400, "invalid_request_error", "template_error"),
    "invalid_grammar": _Row(400, "invalid_request_error", "invalid_grammar"),
    "unsupported": _Row(400, "not_supported_error", "unsupported"),
    "request_too_large": _Row(413, "invalid_request_error", "request_too_large"),
    "model_not_found": _Row(404, "not_found_error", "model_not_found"),
    "not_found": _Row(404, "not_found_error", "not_found"),
    "unauthorized": _Row(401, "authentication_error", "invalid_api_key"),
    "forbidden": _Row(403, "permission_error", "forbidden"),
    "body_late": _Row(408, "invalid_request_error", "request_timeout"),
    "busy": _Row(503, "unavailable_error", "busy"),
    "paused": _Row(503, "unavailable_error", "paused", may_retry=False),
    "unserved": _Row(503, "unavailable_error", "unserved"),
    "limit_reached": _Row(429, "rate_limit_error", "limit_reached"),
    "credits_short": _Row(402, "insufficient_quota", "credits_short"),
    "request_conflict": _Row(409, "invalid_request_error", "request_conflict"),
    "gpu_gone": _Row(503, "unavailable_error", "gpu_gone", may_retry=False),
    "engine_failed": _Row(503, "unavailable_error", "engine_failed"),
    "model_does_not_fit": _Row(507, "server_error", "model_does_not_fit", may_retry=False),
    "model_file_invalid": _Row(422, "invalid_request_error", "model_file_invalid"),
    "hub_unreachable": _Row(502, "unavailable_error", "hub_unreachable", may_retry=False),
    "remote_not_found": _Row(404, "not_found_error", "remote_not_found"),
    "access_needed": _Row(403, "permission_error", "access_needed"),
    "hub_refused": _Row(502, "server_error", "hub_refused", may_retry=False),
    "disk_full": _Row(507, "server_error", "disk_full", may_retry=False),
    "not_ours": _Row(409, "invalid_request_error", "not_ours"),
    "key_file_invalid": _Row(500, "server_error", "key_file_invalid", may_retry=False),
    "update_failed": _Row(409, "invalid_request_error", "update_failed"),
    "seal_broken": _Row(502, "server_error", "seal_broken"),
    "settings_invalid": _Row(500, "server_error", "settings_invalid", may_retry=False),
}

WRONG_VALUE: Final = "invalid_value"
"""OpenAI's code where one field is wrong: the row's own is for what is wrong with no field."""

_UNFORESEEN: Final = _Row(500, "server_error", "internal_error")

_HTTP: Final[dict[int, _Row]] = {
    404: _Row(404, "not_found_error", "not_found"),
    405: _Row(405, "invalid_request_error", "method_not_allowed"),
    413: _Row(413, "invalid_request_error", "request_too_large"),
    415: _Row(415, "invalid_request_error", "unsupported_media_type"),
}

_HTTP_WORDS: Final = {
    404: "there is nothing at this path; there are /v1/chat/completions, /v1/completions, "
    "/v1/embeddings and /v1/models, and /openapi lists all others",
    405: "this path does not take this method",
    413: "the request body is larger than the server accepts (server.body_bytes_max)",
    415: "the body must be JSON, with Content-Type: application/json",
}

Headers = list[tuple[bytes, bytes]]


class Failure(NamedTuple):
    """An error, ready to be sent."""

    status: int
    answer: ErrorAnswer
    headers: Headers

    def body(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self.answer)

    def event(self) -> bytes:
        """As the last event of a stream that had begun well."""
        return b"data: " + self.body() + b"\n\n"


def failure_of(error: Exception) -> Failure:
    """What the client is told of `error`. One that nobody foresaw is logged here."""
    match error:
        case AthanorError():
            return _of_ours(error)
        case HTTPException():
            return _of_http(error)
        case _:
            _log.error(
                "unforeseen error",
                extra={"error": type(error).__name__, "place": _place(error)},
            )
            return _failure(_UNFORESEEN, "something went wrong inside the server; see its log")


def http_failure(status: int) -> Failure:
    """The failure of a status that our own guards decide: 404, 405, 413, 415."""
    return _failure(_HTTP[status], _HTTP_WORDS[status])


def _of_ours(error: AthanorError) -> Failure:
    row = _TABLE.get(error.kind, _UNFORESEEN)
    detail = ErrorDetail(
        message=_words(error),
        type=row.type,
        param=error.field if isinstance(error, RequestError) else None,
        code=_code(error, row),
        n_prompt_tokens=(isinstance(error, ContextExceeded) and error.prompt_tokens) or UNSET,
        n_ctx=(isinstance(error, ContextExceeded) and error.context) or UNSET,
        needed_micros=error.needed if isinstance(error, CreditsShort) else UNSET,
        available_micros=error.available if isinstance(error, CreditsShort) else UNSET,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Busy) else UNSET,
        remedy=error.remedy or UNSET,
    )
    headers: Headers = []
    if isinstance(error, Busy):
        headers.append((b"retry-after", str(error.retry_after_seconds).encode()))
    elif isinstance(error, EngineFailed):
        headers.append((b"retry-after", str(ENGINE_RETRY_SECONDS).encode()))
    elif row.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    elif row.status == 408:
        # The rest of the body may still come, and would be taken for the next request's head.
        headers.append((b"connection", b"close"))
    if row.status >= 500 and not row.may_retry:
        headers.append((b"x-should-retry", b"false"))
    return Failure(row.status, ErrorAnswer(error=detail), headers)


def _code(error: AthanorError, row: _Row) -> str:
    """The row's, but of a request that is wrong in itself what is wrong with it."""
    if not isinstance(error, RequestError) or error.kind != RequestError.kind:
        return row.code
    return error.fault or (row.code if error.field is None else WRONG_VALUE)


def _words(error: AthanorError) -> str:
    """The message with what can be done about it, since applications show the message alone.

    The context's message stays as llama.cpp has it: clients look for its very words.
    """
    if not error.remedy or isinstance(error, ContextExceeded):
        return error.message
    stop = "" if error.message.endswith((".", "!", "?")) else "."
    return f"{error.message}{stop} {error.remedy}"


def _of_http(error: HTTPException) -> Failure:
    """Litestar's own refusals: no route, wrong method, too large, and a body that is missing."""
    row = _HTTP.get(error.status_code)
    if row is not None:
        failure = _failure(row, _HTTP_WORDS[error.status_code])
        if allowed := (error.headers or {}).get("allow"):
            failure.headers.append((b"allow", allowed.encode()))
        return failure
    if 400 <= error.status_code < 500:
        return _failure(_TABLE["invalid_request"], "the request needs a body of JSON")
    return _failure(_UNFORESEEN, "something went wrong inside the server; see its log")


def _failure(row: _Row, message: str) -> Failure:
    detail = ErrorDetail(message=message, type=row.type, code=row.code)
    return Failure(row.status, ErrorAnswer(error=detail), [])


def _place(error: Exception) -> str:
    """Where it was raised. Never its message: that may quote a user's words."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames[-4:]))
