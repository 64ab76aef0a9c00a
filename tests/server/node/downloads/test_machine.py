"""What the machine learns: a speed that was measured stands in the place of the expected one."""

import asyncio
from pathlib import Path

from app.core.base.ids import ModelName, RequestId
from app.core.models.wishes import Wishes
from app.server.hardware.bandwidth import of_bus
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.node.downloads.machine import Machine, Sight
from app.server.node.recent import Done
from app.server.storage.database import Database
from app.server.storage.speeds import Speeds
from tests.core.models.cards import GIB, card, cpu


def answer(tokens: int, milliseconds: float) -> Done:
    return Done(
        request=RequestId("r"),
        model=ModelName("some"),
        arrived_at=1.0,
        outcome="completed",
        prompt_tokens=5,
        cached_tokens=0,
        completion_tokens=tokens,
        total_ms=milliseconds,
        decode_ms=milliseconds,
    )


def test_after_the_first_answers_the_measured_speed_is_shown(tmp_path: Path) -> None:
    async def act() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            speeds = await Speeds.open(database)
            sight = Sight([cpu(32 * GIB)], {"CPU": 50e9}, Wishes(), speeds)
            program = EngineProgram.of_this()
            machine = Machine(
                devices=Devices(program),
                engine=program,
                speeds=speeds,
                wishes=Wishes(),
                residents=list,
                now=lambda: 1.0,
            )
            assert sight.verdict(card()).speed_basis == "expected"

            await machine.learn(card(), answer(200, 10_000))
            await machine.learn(card(), answer(2, 1))

            verdict = sight.verdict(card())
            assert (verdict.speed_basis, verdict.tokens_per_second) == ("measured", 20.0)
            assert sight.verdict(card(), is_estimate=True).speed_basis == "expected"

    asyncio.run(act())


def test_bus_and_clock_give_the_bandwidths_of_data_sheets() -> None:
    assert round(of_bus(384, 9751) / 1e9) == 936
    assert round(of_bus(384, 10501) / 1e9) == 1008
    assert round(of_bus(5120, 1215) / 1e9) == 1555
