"""Body: a request's JSON straight into its Struct, and every mistake in it as a named field.

Litestar would decode to dicts first and word the errors its own way; `ApiRequest.json` gives it
the finished Struct instead, and it passes that on untouched.
"""

import re
from functools import cache
from typing import Annotated, Final, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.params import Body

from app.core.base.errors import Fault, RequestError
from app.server.web.allowed import allowed_words
from app.server.web.invalid import invalid

_WITH_PATH: Final = re.compile(r"(?P<what>.*) - at `(?P<path>[^`]*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_UNKNOWN_WORD: Final = re.compile(r"Invalid (?:enum )?value (?P<word>.*)", re.DOTALL)
_FLOAT_FOR_INT: Final = re.compile(r"Expected `[^`]*\bint\b[^`]*`, got `float`")
_WHOLE_BELOW: Final = 2.0**63
_TYPE: Final = re.compile(r"Expected `[^`]*`, got `[^`]*`")

S = TypeVar("S")

JsonBody = Annotated[S, Body()]
"""Marks the parameter `data` of a handler."""


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(kind)


def decode_body(kind: type[msgspec.Struct], body: bytes) -> msgspec.Struct:
    """The Struct that `body` says. Raises: RequestError naming the field, or what is not JSON."""
    try:
        return _decoded(_decoder(kind), body)
    except msgspec.ValidationError as error:
        raise _named(kind, str(error)) from None
    except msgspec.DecodeError as error:
        raise RequestError(f"the body is not valid JSON: {error}", fault="invalid_json") from None
    except UnicodeDecodeError:
        raise RequestError("the body is not valid UTF-8", fault="invalid_json") from None
    except RecursionError:
        raise RequestError("the body is nested too deep", fault="invalid_json") from None


def _decoded(decoder: msgspec.json.Decoder[msgspec.Struct], body: bytes) -> msgspec.Struct:
    """What `body` says, with 8.0 for 8 too: some clients have one kind of number.

    Only a body that was refused for it is read again, so that others pay nothing.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if not _FLOAT_FOR_INT.match(str(error)):
            raise
    whole = _with_whole_numbers(msgspec.json.decode(body))
    return decoder.decode(msgspec.json.encode(whole))


def _with_whole_numbers(value: object) -> object:
    """A JSON value whose numbers without a fraction are whole, as far as 64 bits hold them."""
    match value:
        case float() if value.is_integer() and abs(value) < _WHOLE_BELOW:
            return int(value)
        case list():
            return [_with_whole_numbers(each) for each in value]
        case dict():
            return {key: _with_whole_numbers(each) for key, each in value.items()}
        case _:
            return value


def _named(kind: type[msgspec.Struct], message: str) -> RequestError:
    """msgspec's words, with the JSON path in front as a client writes it: messages[0].role."""
    match = _WITH_PATH.fullmatch(message)
    what, path = (match["what"], match["path"]) if match else (message, "$")
    field = path.removeprefix("$").removeprefix(".").replace("[...]", "")
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        field = f"{field}.{missing['name']}" if field else missing["name"]
        return invalid(field, "is required", fault="missing_required_parameter")
    unknown = _UNKNOWN_WORD.fullmatch(what)
    if unknown is not None and (words := allowed_words(kind, field)):
        listed = " or ".join(filter(None, (", ".join(map(repr, words[:-1])), repr(words[-1]))))
        return invalid(field, f"{unknown['word']} is not known here; it may be {listed}")
    fault: Fault | None = "invalid_type" if _TYPE.fullmatch(what) else None
    if not field:
        return RequestError(f"the body: {what}", fault=fault)
    return invalid(field, what[0].lower() + what[1:], fault=fault)


class ApiRequest(Request[None, None, State]):
    """A request whose body is decoded by the Struct that its handler names."""

    async def json(self) -> object:
        """The Struct of the handler's `data`. Raises: RequestError."""
        field = self.route_handler.parsed_data_field
        assert field is not None, "only handlers with `data` read a body"
        return decode_body(field.annotation, await self.body())
