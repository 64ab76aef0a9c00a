"""llama-server's own endpoints: tokens, health, properties, load and unload by name."""

from litestar import get, post
from litestar.enums import HttpMethod
from litestar.handlers import route
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app import __version__
from app.core.base.ids import ModelName, RequestId
from app.core.state.engine_life import Ready
from app.server.web.answering import answering_of
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.invalid import invalid
from app.server.web.openai.models import models_by_state
from app.server.web.openai.serving import answered, asked, json_response, leased
from app.server.web.services import Services, services_of
from app.wire.engine import Detokenize, Sampling, Text, Tokenize, Tokens
from app.wire.model import ModelFacts
from app.wire.openai.native import (
    CommandAnswer,
    DefaultParameters,
    DefaultSettings,
    DetokenizeAnswer,
    DetokenizeRequest,
    HealthAnswer,
    ModelCommand,
    PropertiesAnswer,
    TokenizeAnswer,
    TokenizeRequest,
    TokenPiece,
)

_LLAMA = ["llama.cpp"]


@post(
    ["/tokenize"],
    status_code=200,
    summary="A text's tokens",
    tags=_LLAMA,
    responses={200: ResponseSpec(TokenizeAnswer)},
)
async def tokenize(data: JsonBody[TokenizeRequest], request: ApiRequest) -> ASGIApp:
    """Tokens, with their pieces if asked."""
    answering = answering_of(request, data)
    question = Tokenize(
        request=RequestId(answering.new_id()),
        text=data.content,
        add_special=bool(data.add_special),
        parse_special=data.parse_special is not False,
        with_pieces=bool(data.with_pieces),
    )

    async def work() -> TokenizeAnswer:
        return shape_tokens(await asked(answering, data, question, Tokens))

    return await answered(request, work())


def shape_tokens(answer: Tokens) -> TokenizeAnswer:
    """Ids alone, or with pieces where the engine sent them."""
    if not answer.pieces:
        return TokenizeAnswer(tokens=[*answer.tokens])
    pairs = zip(answer.tokens, answer.pieces, strict=True)
    return TokenizeAnswer(tokens=[TokenPiece(id=each, piece=_piece(b)) for each, b in pairs])


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


@post(
    ["/detokenize"],
    status_code=200,
    summary="The text of tokens",
    tags=_LLAMA,
    responses={200: ResponseSpec(DetokenizeAnswer)},
)
async def detokenize(data: JsonBody[DetokenizeRequest], request: ApiRequest) -> ASGIApp:
    """A text."""
    answering = answering_of(request, data)

    async def work() -> DetokenizeAnswer:
        question = Detokenize(request=RequestId(answering.new_id()), tokens=data.tokens)
        async with leased(answering, data, question.request) as link:
            vocabulary = link.facts.vocabulary
            if data.tokens and max(data.tokens) >= vocabulary:
                raise invalid("tokens", f"the model's vocabulary has {vocabulary}")
            answer = await link.ask(question)
        assert isinstance(answer, Text), "Detokenize is answered by Text"
        return DetokenizeAnswer(content=answer.text)

    return await answered(request, work())


@route(
    ["/health", "/v1/health"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    summary="The server answers",
    tags=_LLAMA,
    responses={200: ResponseSpec(HealthAnswer)},
)
async def health(request: ApiRequest) -> ASGIApp:
    """Always ok: a model that is not loaded is loaded by the request that needs it."""
    states = services_of(request).hub.state.models
    return json_response(HealthAnswer(models=models_by_state(states)))


@get(
    ["/props"],
    summary="Properties of the loaded model",
    tags=_LLAMA,
    responses={200: ResponseSpec(PropertiesAnswer)},
)
async def properties(request: ApiRequest) -> ASGIApp:
    """Of the model named by `?model=`, else of the default one. Loads nothing."""
    services = services_of(request)
    asked = request.query_params.get("model", "")
    await services.router.seek(asked)
    name = services.router.find(asked)
    facts = await _facts_if_loaded(services, name)
    return json_response(shape_properties(services, name, facts))


async def _facts_if_loaded(services: Services, name: ModelName) -> ModelFacts | None:
    state = services.hub.state.models.get(name)
    if state is None or not isinstance(state.life, Ready):
        return None
    question = RequestId(services.new_id())
    async with services.router.lease(name, request=question) as link:
        return link.facts


def shape_properties(
    services: Services, name: ModelName, facts: ModelFacts | None
) -> PropertiesAnswer:
    """llama-server's shape; `facts` is None for a model that sleeps."""
    card = services.library.cards().get(name)
    defaults = Sampling()
    parameters = DefaultParameters(
        **{
            field: getattr(defaults, field)
            for field in DefaultParameters.__struct_fields__
            if field not in ("seed", "n_predict")
        }
    )
    context = facts.plan.context if facts else 0
    return PropertiesAnswer(
        default_generation_settings=DefaultSettings(n_ctx=context, params=parameters),
        total_slots=facts.plan.sequences if facts else services.settings.engine.sequences,
        model_path=card.path if card else "",
        model_alias=name,
        chat_template=facts.chat_template if facts else "",
        build_info=f"athanor-{__version__}",
        is_sleeping=facts is None,
    )


@post(
    ["/models/load", "/v1/models/load"],
    status_code=200,
    guards=[administer],
    summary="Load a model, as llama-server's router does",
    tags=_LLAMA,
    responses={200: ResponseSpec(CommandAnswer)},
)
async def load_by_name(data: JsonBody[ModelCommand], request: ApiRequest) -> ASGIApp:
    """Answers when the model serves."""
    services = services_of(request)

    async def work() -> CommandAnswer:
        question = RequestId(services.new_id())
        async with services.router.lease(data.model, request=question):
            return CommandAnswer()

    return await answered(request, work())


@post(
    ["/models/unload", "/v1/models/unload"],
    status_code=200,
    guards=[administer],
    summary="Unload a model, as Open WebUI asks",
    tags=_LLAMA,
    responses={200: ResponseSpec(CommandAnswer)},
)
async def unload_by_name(data: JsonBody[ModelCommand], request: ApiRequest) -> ASGIApp:
    """Answers when the memory is free."""
    services = services_of(request)

    async def work() -> CommandAnswer:
        await services.router.unload(data.model)
        return CommandAnswer()

    return await answered(request, work())
