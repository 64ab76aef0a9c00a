"""Laws of the wishes for single models, on real SQLite files."""

import asyncio
from pathlib import Path

from app.core.base.ids import ModelName
from app.core.models.wishes import Wishes
from app.server.storage.database import Database
from app.server.storage.model_wishes import NONE, KeptWishes, ModelWishes

NAME = ModelName("qwen")


def test_wishes_outlive_the_server_until_they_say_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        kept = KeptWishes(context=4096, keep_alive=-1)
        async with await Database.open(tmp_path / "node.db") as database:
            wishes = await ModelWishes.open(database)
            assert wishes.of(NAME) == NONE
            await wishes.keep(NAME, KeptWishes(context=1))
            await wishes.keep(NAME, kept)
            assert (await ModelWishes.open(database)).of(NAME) == kept
            await wishes.keep(NAME, NONE)
            assert (await ModelWishes.open(database)).of(NAME) == NONE

    asyncio.run(run())


def test_a_wish_goes_over_the_usual_and_silence_does_not() -> None:
    usual = Wishes(context=8192, sequences=4)

    assert KeptWishes(sequences=1).over(usual) == Wishes(context=8192, sequences=1)
    assert KeptWishes(context=0).over(usual) == Wishes(context=0, sequences=4)
    assert NONE.over(usual) == usual
