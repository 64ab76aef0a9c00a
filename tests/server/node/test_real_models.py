"""Laws of the node that only a real backend can show: plans that fit, and several kinds at once."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from app.core.base.errors import ModelDoesNotFit, Unsupported
from app.core.base.ids import ModelName
from app.core.state.engine_life import Failed, Ready
from app.server.hardware.engine_program import EngineProgram
from app.wire.engine import Completed, Embed, Embedded, Tokenize, Tokens
from tests.gguf_made.store import GgufStore
from tests.server.node.homes import node, request_id, run, saying

pytestmark = pytest.mark.model


def test_a_chat_model_and_an_embedder_serve_side_by_side_by_plans_that_fit(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    chat, embedder = gguf_store.llama(), gguf_store.bert()

    async def test() -> None:
        async with node(tmp_path, places=[chat, embedder], lister=EngineProgram.of_this()) as n:
            async with n.router.lease(chat.stem) as link:
                request = replace(saying("hello"), max_tokens=4)
                events = [event async for event in link.stream(request)]
                assert isinstance(events[-1], Completed)
                assert isinstance(await link.ask(Tokenize(request=request_id(), text="a")), Tokens)
            async with n.router.lease(embedder.stem) as link:
                answer = await link.ask(Embed(request=request_id(), inputs=["hello", "world"]))
                assert isinstance(answer, Embedded)
                vectors = [np.frombuffer(vector, np.float32) for vector in answer.vectors]
                assert [round(float(np.linalg.norm(v)), 3) for v in vectors] == [1.0, 1.0]
                with pytest.raises(Unsupported):
                    async for _ in link.stream(saying("hello")):
                        pass

            for model in n.hub.state.engines():
                assert isinstance(model.life, Ready)
                assert model.life.facts.host_bytes > 0
                assert "RAM" in model.life.facts.explanation[0]

    run(test())


def test_a_model_that_cannot_fit_is_refused_with_the_numbers_and_ends_nobody(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    chat, other = gguf_store.llama(), gguf_store.mamba()

    async def test() -> None:
        async with node(tmp_path, places=[chat, other], lister=EngineProgram.of_this()) as n:
            await n.router.load(other.stem)
            with pytest.raises(ModelDoesNotFit, match=r"does not fit.*MiB"):
                await n.router.load(chat.stem, replace(n.router.wishes, memory_margin_bytes=2**60))

            assert isinstance(n.life(other.stem), Ready)
            life = n.life(chat.stem)
            assert isinstance(life, Failed) and "does not fit" in life.reason
            assert await n.router.load(chat.stem) == ModelName(chat.stem)

    run(test())
