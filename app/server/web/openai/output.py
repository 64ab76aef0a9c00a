"""Output: the form that the answer is held to, from the four places where clients say it."""

from typing import assert_never

from app.server.web.invalid import invalid
from app.server.web.openai.shallow import check_free_json
from app.wire.engine import OutputForm, OutputGrammar, OutputJson, OutputRegex, OutputSchema
from app.wire.message import Json
from app.wire.openai.chat import ChatRequest, ResponseFormat
from app.wire.openai.request import GenerationRequest


def output_of(request: GenerationRequest) -> OutputForm | None:
    """None when the answer is free. Raises: RequestError when two forms are asked for."""
    found: list[tuple[str, OutputForm]] = []
    if isinstance(request, ChatRequest) and request.response_format is not None:
        form = _of_format(request.response_format)
        if form is not None:
            found.append(("response_format", form))
    if request.json_schema is not None:
        found.append(("json_schema", _of_schema(request.json_schema, "json_schema")))
    if request.grammar:
        found.append(("grammar", OutputGrammar(text=request.grammar)))
    if len(found) > 1:
        (first, _), (second, _) = found[:2]
        raise invalid(second, f"excludes {first}")
    return found[0][1] if found else None


def _of_format(asked: ResponseFormat) -> OutputForm | None:
    match asked.type:
        case "text":
            return None
        case "json_object":
            return _of_schema(asked.schema, "response_format.schema")
        case "json_schema":
            if asked.json_schema is not None:
                return _of_schema(asked.json_schema.schema, "response_format.json_schema.schema")
            if asked.schema is not None:
                return _of_schema(asked.schema, "response_format.schema")
            raise invalid("response_format.json_schema", "this type needs it")
        case "grammar":
            if not asked.grammar:
                raise invalid("response_format.grammar", "this type needs it")
            return OutputGrammar(text=asked.grammar)
        case "regex":
            if not asked.pattern:
                raise invalid("response_format.pattern", "this type needs it")
            return OutputRegex(pattern=asked.pattern)
        case _:
            assert_never(asked.type)


def _of_schema(schema: Json | bool | None, field: str) -> OutputForm:
    """No schema, and one that says nothing, mean any JSON object, as in llama.cpp."""
    if schema is None or schema == {}:
        return OutputJson()
    check_free_json(schema, field)
    return OutputSchema(schema=schema)
