"""What a worker of a pool computes with, where it is a real engine child."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.server.engine_child.engine_process import ChildLimits, EngineProcess
from app.server.hardware.engine_program import EngineProgram
from app.wire.engine import Embed, Embedded, Generate, Start
from app.wire.model import ModelSource
from tests.support.pool_worker import Compute, Event


@asynccontextmanager
async def engine_compute(
    model: Path, *, is_embedding: bool = False
) -> AsyncGenerator[Compute, None]:
    """A real engine child with the model; what it says, as workers pass it on."""
    backend = "toy" if model.suffix == ".toy" else "llama"
    source = ModelSource(path=str(model), name=model.stem, backend=backend)  # type: ignore[arg-type]
    plan = LoadPlan(
        context=1024,
        cells=4096,
        sequences=4,
        gpu_layers=0,
        threads=1,
        threads_batch=1,
        speculation=False,
        is_embedding=is_embedding,
    )
    process = EngineProcess(
        EngineProgram.of_this(),
        Start(source=source, plan=plan),
        on_news=lambda _: None,
        limits=ChildLimits(loading_seconds=120.0),
    )
    numbers = iter(range(1_000_000))

    async def compute(body: Generate | Embed) -> AsyncGenerator[Event, None]:
        asked = replace(body, request=RequestId(f"job-{next(numbers)}"))
        if isinstance(asked, Embed):
            answer = await process.ask(asked)
            assert isinstance(answer, Embedded)
            yield answer
            return
        async for event in process.stream(replace(asked, with_tokens=True)):
            yield event

    async with asyncio.TaskGroup() as group:
        running = group.create_task(process.run(), name="engine of a worker")
        try:
            await process.ready()
            yield compute
        finally:
            process.kill()
            await asyncio.wait({running})
