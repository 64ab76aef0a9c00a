"""POST /v1/embeddings: texts or tokens to vectors."""

import base64
import struct

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp
from msgspec.structs import replace

from app.core.base.ids import RequestId
from app.server.web.answering import Answering, answering_of
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.invalid import invalid
from app.server.web.openai.generate import check_tokens, split_inputs
from app.server.web.openai.serving import answered, echoed_model, leased
from app.wire.engine import Embed, Embedded
from app.wire.openai.embeddings import (
    INPUTS_MAX,
    Embedding,
    EmbeddingList,
    EmbeddingRequest,
    EmbeddingUsage,
)

_FLOAT_BYTES = 4


@post(
    ["/v1/embeddings", "/embeddings"],
    status_code=200,
    summary="Turn texts into vectors",
    tags=["OpenAI"],
    responses={200: ResponseSpec(EmbeddingList)},
)
async def embeddings(data: JsonBody[EmbeddingRequest], request: ApiRequest) -> ASGIApp:
    """OpenAI's embeddings."""
    answering = answering_of(request, data)
    inputs = embedding_inputs(data)
    return await answered(request, _embed(answering, data, inputs))


def embedding_inputs(data: EmbeddingRequest) -> list[str | list[int]]:
    """The inputs, none of them empty. Raises: RequestError."""
    inputs = split_inputs(data.input, "input", most=INPUTS_MAX)
    for index, each in enumerate(inputs):
        if not each:
            where = "input" if len(inputs) == 1 else f"input[{index}]"
            raise invalid(where, "is empty")
    return inputs


async def _embed(
    answering: Answering, data: EmbeddingRequest, inputs: list[str | list[int]]
) -> EmbeddingList:
    await answering.seek(data.model or "")
    model = echoed_model(answering, data)
    request_id = RequestId(f"embd-{answering.new_id()}")
    async with leased(answering, data, request_id) as link:
        tokens = [each for each in inputs if isinstance(each, list)]
        check_tokens(tokens, "input", link.facts.vocabulary)
        longest = link.facts.embedding_length
        if data.dimensions is not None and data.dimensions > longest:
            raise invalid("dimensions", f"the model's vectors have {longest}")
        question = Embed(request=request_id, inputs=inputs, dimensions=data.dimensions)
        answer = await link.ask(question)
    assert isinstance(answer, Embedded), "Embed is answered by Embedded"
    shaped = shape_vectors(answer, model=model, is_base64=data.encoding_format == "base64")
    cost = answering.remarks().cost
    if cost is None:
        return shaped
    return replace(shaped, usage=replace(shaped.usage, cost_micros=cost))


def shape_vectors(answer: Embedded, *, model: str, is_base64: bool) -> EmbeddingList:
    """The vectors in the encoding that was asked for; both say the same float32."""
    shape = _base64 if is_base64 else _floats
    return EmbeddingList(
        data=[
            Embedding(index=index, embedding=shape(vector))
            for index, vector in enumerate(answer.vectors)
        ],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=answer.prompt_tokens, total_tokens=answer.prompt_tokens),
    )


def _base64(vector: bytes) -> str:
    return base64.b64encode(vector).decode("ascii")


def _floats(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // _FLOAT_BYTES}f", vector))
